/** Puts a panel beside the prompt of each tab, and tells it what changes there. */

import { Client } from "../core/client.mjs";
import { mount } from "../core/panel.mjs";
import { PromptBox } from "../core/prompt_box.mjs";
import { languageOf, speaker } from "../core/texts.mjs";
import { Dock, styles } from "./dock.mjs";
import * as page from "./page.mjs";
import { preferences } from "./preferences.mjs";

/** @typedef {import("../core/types.mjs").Host} Host */

const MARK = "lorarecStarted"; // on the page, which may load this module twice
const CHANGED = "lorarec-changed"; // lorarec_webui/hearing.py sends it
const SETTINGS_WAIT = 5000; // milliseconds after which a host that shows no settings has none
const RENEWS = /lora\w*refresh/i; // ids of the buttons that look for new LoRAs

/** @type {Map<string, Tab>} */
const tabs = new Map();
let renewed = false; // a page loaded anew looks for new LoRAs

/** Start once for a page. */
export function start() {
  const marks = document.documentElement.dataset;
  if (marks[MARK]) return;
  marks[MARK] = "yes";
  document.head.append(...styles());
  const base = `${page.base()}/lorarec/v1`;
  const client = new Client({ base });
  const begun = Date.now();
  const look = () => {
    const known = Object.keys(page.options()).length > 0 || Date.now() - begun > SETTINGS_WAIT;
    if (known) settle(base);
  };
  page.onChange(look);
  setTimeout(look, SETTINGS_WAIT + 100);
  document.addEventListener("input", look, { passive: true });
  // Gradio tells before the text box has the new text.
  document.addEventListener(CHANGED, () => [0, 60].forEach((pause) => setTimeout(look, pause)));
  document.addEventListener("click", ({ target }) => {
    const button = /** @type {Element} */ (target).closest?.("button, [id$=_refresh]");
    if (button && RENEWS.test(button.id)) void client.start("index").catch(() => {});
  });
}

/** Bring every tab in line with the page as it is. @param {string} base of the API */
function settle(base) {
  const place = String(page.options().lorarec_place ?? "");
  for (const name of page.TABS) {
    const box = page.promptOf(name);
    const known = tabs.get(name);
    if (known && (place === "not at all" || box !== known.box || page.chosen() !== known.chosen)) {
      known.remove();
      tabs.delete(name);
    }
    const around = page.placeOf(name);
    if (!box || !around || place === "not at all") continue;
    // A client each: of one client only the newest question is answered, and no tab may drop another's.
    const tab = tabs.get(name) ?? new Tab(name, box, new Client({ base }));
    tabs.set(name, tab);
    tab.dock.put(around, place === "beside the page");
    tab.look();
  }
}

/** One tab of the WebUI with a prompt, and its panel. */
class Tab {
  /** @param {string} name @param {HTMLTextAreaElement} box @param {Client} client */
  constructor(name, box, client) {
    this.name = name;
    this.box = box;
    this.chosen = page.chosen();
    this._client = client;
    this._tags = new PromptBox(box, page.separator);
    this._preferences = preferences();
    /** @type {Set<() => void>} */
    this._listeners = new Set();
    this._seen = "";
    /** @type {ReturnType<typeof mount> | null} */
    this._panel = null;
    const language = this._preferences.get("language") || page.language();
    const title = speaker(languageOf(language))("title");
    this.dock = new Dock(`lorarec_${name}`, this._preferences, title, () => this._appear());
  }

  /** Tell the panel if anything that it goes by has changed since the last look. */
  look() {
    if (!this.dock.showing) return;
    this.dock.element.style.colorScheme = page.isDark(this.dock.element) ? "dark" : "light";
    const now = JSON.stringify([this.box.value, page.negativeOf(this.name), page.checkpoint()]);
    if (now === this._seen) return;
    this._seen = now;
    this._listeners.forEach((changed) => changed());
  }

  remove() {
    this._panel?.destroy();
    this.dock.remove();
  }

  /** The panel is made when it is first seen. */
  _appear() {
    if (!renewed) void this._client.start("index").catch(() => {});
    renewed = true;
    if (!this._panel) {
      this._panel = mount(this.dock.content, { client: this._client, host: this._host() });
    }
    this.look();
  }

  /** @returns {Host} */
  _host() {
    const { box, name, _tags: tags } = this;
    return {
      getPrompt: () => ({ prompt: box.value, negative: page.negativeOf(name) }),
      onPromptChange: (changed) => {
        this._listeners.add(changed);
        return () => this._listeners.delete(changed);
      },
      active: () => tags.active(),
      baseModel: page.checkpoint,
      insert: (choice) => tags.insert(choice),
      remove: (lora) => tags.remove(lora),
      setStrength: (lora, strength) => tags.setStrength(lora, strength),
      tags: true,
      language: page.language(),
      spoken: (language) => this.dock.name(speaker(language)("title")),
      preferences: this._preferences,
    };
  }
}
