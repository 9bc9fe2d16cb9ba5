/** The page of `lorarec serve`: a prompt, and the panel beside it. */

import { Client } from "../core/client.mjs";
import { copy, fill, make } from "../core/dom.mjs";
import { mount } from "../core/panel.mjs";
import { PromptBox } from "../core/prompt_box.mjs";
import { Options } from "../core/options.mjs";
import { languageOf, speaker } from "../core/texts.mjs";

const DRAFT = "lorarec.draft";
const TOKEN = "lorarec.token";
const SAID = 2000; // milliseconds for which the button says how copying went

/** What this tab keeps; nothing where the browser closes its storage to pages. */
const kept = {
  /** @param {string} name @returns {string | null} */
  get(name) {
    try {
      return sessionStorage.getItem(name);
    } catch {
      return null;
    }
  },
  /** @param {string} name @param {string} value */
  set(name, value) {
    try {
      sessionStorage.setItem(name, value);
    } catch {
      // It lasts as long as the page.
    }
  },
};

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** Texts of the page itself, in the panel's language. @param {"en" | "zh"} language */
function translate(language) {
  const say = speaker(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) {
    fill(element, say(/** @type {any} */ (/** @type {HTMLElement} */ (element).dataset.text)));
  }
  byId("prompt").placeholder = say("pagePlaceholder");
  return say;
}

/** Ask for the server's token until it is right; it is kept for this tab only. @param {Client} client @param {import("../core/texts.mjs").Say} say */
async function admitted(client, say) {
  client.token = kept.get(TOKEN) ?? "";
  for (;;) {
    try {
      return await client.facets();
    } catch (error) {
      if (/** @type {any} */ (error).status !== 401) return null;
    }
    client.token = await askToken(say);
    kept.set(TOKEN, client.token);
  }
}

/** @param {import("../core/texts.mjs").Say} say @returns {Promise<string>} */
function askToken(say) {
  const input = make("input.lr-input", { type: "password", autocomplete: "off", required: true, "aria-label": say("token") });
  const form = make("form.lr-page-token", {}, make("p", {}, say("unauthorised")), input, make("button.lr-primary", {}, say("unlock")));
  byId("panel").append(form);
  input.focus({ preventScroll: true });
  return new Promise((resolve) =>
    form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      form.remove();
      resolve(input.value);
    }),
  );
}

async function start() {
  let say = translate(languageOf(new Options().language || navigator.language));
  const prompt = byId("prompt");
  const negative = byId("negative");
  const base = byId("base");
  const fields = [prompt, negative, base];
  const client = new Client();
  const box = new PromptBox(prompt);
  const facets = await admitted(client, say);
  base.append(...(facets?.base_models ?? []).filter((one) => one.name).map((one) => make("option", { value: one.name }, one.name)));

  const draft = JSON.parse(kept.get(DRAFT) ?? "[]");
  fields.forEach((field, k) => (field.value = draft[k] ?? ""));
  const keep = () => kept.set(DRAFT, JSON.stringify(fields.map((field) => field.value)));
  fields.forEach((field) => field.addEventListener("input", keep));

  const button = byId("copy");
  button.addEventListener("click", async () => {
    fill(button, say((await copy(prompt.value)) ? "copied" : "notCopied"));
    setTimeout(() => fill(button, say("pageCopy")), SAID);
  });
  mount(byId("panel"), {
    client,
    host: {
      getPrompt: () => ({ prompt: prompt.value, negative: negative.value }),
      onPromptChange(changed) {
        fields.forEach((field) => field.addEventListener("input", changed));
        return () => fields.forEach((field) => field.removeEventListener("input", changed));
      },
      active: () => box.active(),
      baseModel: () => base.value,
      tags: true,
      insert: (choice) => box.insert(choice),
      remove: (name) => box.remove(name),
      setStrength: (name, strength) => box.setStrength(name, strength),
      spoken: (language) => void (say = translate(language)),
    },
  });
}

export const ready = start();
