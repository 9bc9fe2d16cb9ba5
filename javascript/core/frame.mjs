/** The panel's elements in their places; what they show comes from panel.mjs. */

import { iconButton, make } from "./dom.mjs";

/** @typedef {ReturnType<typeof frame>} Frame */

/**
 * @param {import("./texts.mjs").Say} say @param {string} language "en" or "zh" @param {boolean} auto whether it is switched on
 * @param {boolean} open whether the options are shown
 * @param {object} parts that stand among the others
 * @param {HTMLElement} parts.list @param {HTMLElement} parts.why @param {HTMLElement} parts.shelf @param {HTMLElement} parts.form
 * @param {HTMLElement} parts.encoder @param {HTMLElement} parts.drawer
 * @param {object} on what buttons do
 * @param {(on: boolean) => void} on.auto @param {() => void} on.refresh @param {() => void} on.back
 * @param {() => void} on.options the options were opened or closed
 */
export function frame(say, language, auto, open, parts, on) {
  const status = make("span.lr-status", { role: "status", tabindex: -1 });
  const undo = make("button.lr-small", { type: "button", hidden: true }, say("undo"));
  const summary = make("span.lr-summary", { role: "status" });
  const message = make("div.lr-message");
  const hints = make("div.lr-hints");
  const back = iconButton("back", say("back"), on.back, { hidden: true });
  const uses = make("ul.lr-uses", { "aria-label": say("inUse") });
  const { form } = parts;
  form.hidden = !open;
  const toggle = make("input.lr-switch", { type: "checkbox", role: "switch", checked: auto });
  toggle.addEventListener("change", () => on.auto(toggle.checked));
  const gear = iconButton(
    "settings",
    say("settings"),
    () => {
      form.hidden = !form.hidden;
      gear.setAttribute("aria-expanded", String(!form.hidden));
      on.options();
    },
    { "aria-expanded": String(open) },
  );
  const root = make(
    "section.lr-panel",
    { "aria-label": say("title"), lang: language === "zh" ? "zh-CN" : "en" },
    make(
      "header.lr-bar-top",
      {},
      make("h2.lr-title", {}, say("title")),
      make("label.lr-auto", { title: say("autoHelp") }, toggle, make("span", {}, say("auto"))),
      iconButton("refresh", say("refresh"), on.refresh),
      gear,
    ),
    form,
    make("div.lr-line", {}, back, summary, status, undo),
    message,
    parts.list,
    uses,
    parts.encoder,
    hints,
    parts.why,
    parts.shelf,
    parts.drawer,
  );
  return { root, status, undo, summary, message, hints, back, uses, form };
}
