/** The tab in ComfyUI's sidebar: the panel with the prompt that it is for above it. */

import { fill, make } from "../core/dom.mjs";
import { mount } from "../core/panel.mjs";
import { languageOf } from "../core/texts.mjs";
import { undoFrom } from "./change.mjs";
import { ComfyClient } from "./client.mjs";
import { hostOf } from "./host.mjs";
import { Picker } from "./picker.mjs";
import { PANEL, speaker } from "./texts.mjs";

/** @typedef {import("./host.mjs").Comfy} Comfy */
/** @typedef {import("./host.mjs").Workflow} Workflow */

/** The stylesheets, once per page. */
function style() {
  for (const file of ["../core/panel.css", "./sidebar.css"]) {
    const href = new URL(file, import.meta.url).href;
    if (![...document.querySelectorAll("link")].some((link) => link.href === href)) document.head.append(make("link", { rel: "stylesheet", href }));
  }
}

/** Frontends mark their dark themes in different ways; the colour itself tells, in whatever notation. @param {HTMLElement} element */
function isDark(element) {
  element.style.backgroundColor = "var(--comfy-menu-bg)"; // the stylesheet may not be there yet
  const pen = make("canvas", { width: 1, height: 1 }).getContext("2d");
  if (!pen) return true;
  pen.fillStyle = getComputedStyle(element).backgroundColor;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/**
 * Show it.
 * @param {HTMLElement} element ComfyUI's, emptied
 * @param {Comfy} comfy @param {Workflow} workflow @param {import("../core/types.mjs").Preferences} preferences
 * @returns {() => void} what takes it away
 */
export function show(element, comfy, workflow, preferences) {
  style();
  const language = languageOf(comfy.app.extensionManager.setting.get("Comfy.Locale"));
  let speak = speaker(language);
  const say = (/** @type {Parameters<typeof speak>} */ ...words) => speak(...words);
  const picker = new Picker(workflow, say);
  const place = make("div.lorarec-sidebar");
  const below = make("div.lorarec-panel");
  place.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => undoFrom(comfy.app, event));
  fill(place, picker.element, below);
  fill(element, place);
  const draw = () => {
    below.hidden = !picker.draw();
  };
  place.style.colorScheme = isDark(place) ? "dark" : "light";
  /** @param {"en" | "zh"} now what the panel speaks */
  const spoken = (now) => {
    speak = speaker(now);
    place.lang = now === "zh" ? "zh-CN" : "en";
    draw();
  };
  workflow.changed();
  draw();
  const deaf = workflow.watch.listen(draw);
  const host = hostOf(workflow, { preferences, language, spoken, say, strings: PANEL });
  const panel = mount(below, { client: new ComfyClient(comfy.api), host });
  return () => {
    deaf();
    panel.destroy();
    place.remove();
  };
}
