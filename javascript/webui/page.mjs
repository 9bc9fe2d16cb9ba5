/** The WebUI's page as the panel needs it. Hosts differ: whatever only some of them have is looked for, never assumed. */

export const TABS = ["txt2img", "img2img", "control"]; // the last one is SD.Next's

/** @returns {any} the part of the page that Gradio fills */
export function root() {
  const own = /** @type {any} */ (globalThis).gradioApp;
  return typeof own === "function" ? own() : document;
}

/** @returns {Record<string, any>} the WebUI's settings; empty until they have come */
export function options() {
  // @ts-ignore A global of the page: with `let` on Forge Neo, so that it is no property of window.
  return typeof opts === "undefined" ? {} : opts;
}

/** @returns {string} all that our own settings say, to see whether anything changed */
export function chosen() {
  return JSON.stringify(Object.entries(options()).filter(([name]) => name.startsWith("lorarec_")));
}

/** @returns {string} the address below which the WebUI answers, without "/" at its end: a proxy may put it in a folder */
export function base() {
  return import.meta.url.replace(/\/(?:gradio_api\/)?file=.*$/, "");
}

/** @param {string} tab @returns {HTMLTextAreaElement | null} */
export function promptOf(tab) {
  return root().querySelector(`#${tab}_prompt textarea`);
}

/** @param {string} tab @returns {string} */
export function negativeOf(tab) {
  return root().querySelector(`#${tab}_neg_prompt textarea`)?.value ?? "";
}

/** @param {string} tab @returns {HTMLElement | null} what holds the prompts of a tab */
export function placeOf(tab) {
  return root().querySelector(`#${tab}_prompt_container`) ?? root().querySelector(`#${tab}_toprow`);
}

let lastCheckpoint = "";

/** @returns {string} file name of the checkpoint in use, "" if it cannot be told */
export function checkpoint() {
  // Forge has a dropdown of its own, which the settings in the page do not follow.
  const field = root().querySelector("#setting_sd_model_checkpoint input, .model_selection input");
  // While it has the focus it may hold what its user searches for.
  if (field !== document.activeElement || !lastCheckpoint) lastCheckpoint = field?.value || options().sd_model_checkpoint || "";
  return lastCheckpoint.replace(/\s*\[[0-9a-f]{6,}\]\s*$/i, "");
}

/** @returns {string} between prompt and tag, as the WebUI's own cards insert one */
export function separator() {
  const own = options().extra_networks_add_text_separator;
  return typeof own === "string" ? own : ", ";
}

/** @returns {string} a language such as "zh_CN" that the user chose for the page, else the browser's */
export function language() {
  const own = options().lorarec_language;
  if (own === "English") return "en";
  if (own === "简体中文") return "zh";
  const whole = options().localization;
  return typeof whole === "string" && whole && whole !== "None" ? whole : navigator.language;
}

/**
 * Whether the page is dark, by its text: every host chooses themes in its own way, and backgrounds may lie anywhere.
 * @param {Element} element one whose text has the page's colour
 */
export function isDark(element) {
  const [red, green, blue] = getComputedStyle(element).color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

/** Call something whenever the page may have changed; never more often than hosts tell. @param {() => void} action */
export function onChange(action) {
  const own = /** @type {any} */ (globalThis);
  const listen = own.onAfterUiUpdate ?? own.onUiUpdate;
  if (typeof listen === "function") listen(action);
  else setInterval(action, 1000);
  for (const more of [own.onUiLoaded, own.onOptionsChanged]) if (typeof more === "function") more(action);
  action();
}
