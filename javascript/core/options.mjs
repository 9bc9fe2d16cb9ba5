/** What the user chose for the panel itself, kept by the host or in the browser. */

import { make } from "./dom.mjs";
import { LEVELS } from "./state.mjs";

const DEFAULTS = { auto: "on", pause: "400", top: "6", blur: "suggestive", cover: "blur", language: "" };
const COVERS = ["blur", "omit", "exclude"];

/** @returns {import("./types.mjs").Preferences} the browser's storage; forgets everything where there is none */
function browserPreferences() {
  /** @type {Record<string, string>} */
  const kept = {};
  return {
    get(name) {
      try {
        return localStorage.getItem(`lorarec.${name}`) ?? kept[name] ?? null;
      } catch {
        return kept[name] ?? null;
      }
    },
    set(name, value) {
      kept[name] = value;
      try {
        localStorage.setItem(`lorarec.${name}`, value);
      } catch {
        // Storage is closed to this page; the choice lasts as long as the page.
      }
    },
  };
}

export class Options {
  /** @param {import("./types.mjs").Preferences=} preferences */
  constructor(preferences = browserPreferences()) {
    this._preferences = preferences;
  }

  get auto() {
    return this._get("auto") === "on";
  }

  /** @param {boolean} on */
  set auto(on) {
    this.set("auto", on ? "on" : "off");
  }

  /** @returns {number} milliseconds, 100 to 10,000 */
  get pause() {
    return this._number("pause", 100, 10_000);
  }

  /** @returns {number} 1 to 200 */
  get top() {
    return this._number("top", 1, 200);
  }

  /** @returns {string} the most explicit level of previews that are shown uncovered */
  get blur() {
    const level = this._get("blur");
    return /** @type {string[]} */ (LEVELS).includes(level) ? level : DEFAULTS.blur;
  }

  /** @returns {string} what becomes of more explicit ones: "blur" previews, "omit" them, or "exclude" their LoRAs */
  get cover() {
    const cover = this._get("cover");
    return COVERS.includes(cover) ? cover : DEFAULTS.cover;
  }

  /** @returns {string | null} the most explicit level to suggest; null: as the server has it */
  get safety() {
    return this.cover === "exclude" && this.blur !== "explicit" ? this.blur : null;
  }

  /** @returns {string} "en", "zh", or "" for that of the host or browser */
  get language() {
    return this._get("language");
  }

  /** @param {keyof typeof DEFAULTS} name @param {string} value */
  set(name, value) {
    this._preferences.set(name, value);
  }

  /** @param {keyof typeof DEFAULTS} name */
  _get(name) {
    return this._preferences.get(name) ?? DEFAULTS[name];
  }

  /** @param {"pause" | "top"} name @param {number} low @param {number} high */
  _number(name, low, high) {
    const value = Math.round(Number(this._get(name)));
    return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : Number(DEFAULTS[name]);
  }
}

/** @typedef {"pause" | "top" | "blur" | "cover" | "language"} Field */

/**
 * The form of the options.
 * @param {Options} options @param {import("./texts.mjs").Say} say
 * @param {(name: Field) => void} changed @param {(on: boolean) => void} remember
 * @returns {{element: HTMLElement, show: (history: {enabled: boolean} | null) => void}} `show` brings it in line with what is
 *   set, and with whether the server remembers (null: not known)
 */
export function optionsForm(options, say, changed, remember) {
  const number = (/** @type {object} */ ends) => make("input.lr-input", { type: "number", ...ends });
  const select = (/** @type {[string, string][]} */ choices) => make("select.lr-input", {}, ...choices.map(([value, text]) => make("option", { value }, text)));
  const fields = {
    pause: number({ min: 100, max: 10_000, step: 50 }),
    top: number({ min: 1, max: 200 }),
    blur: select(LEVELS.map((level) => [level, say(level)])),
    cover: select(COVERS.map((cover) => [cover, say(/** @type {any} */ (`cover_${cover}`))])),
    language: select([["", say("languageAuto")], ["en", "English"], ["zh", "简体中文"]]),
  };
  const named = /** @type {[Field, any][]} */ (Object.entries(fields));
  const rows = named.map(([name, field]) => {
    field.name = name;
    field.addEventListener("change", () => {
      options.set(name, field.value);
      changed(name);
    });
    return make("label.lr-option", {}, make("span", {}, say(name)), field);
  });
  const keep = make("input", { type: "checkbox" });
  keep.addEventListener("change", () => remember(keep.checked));
  const kept = make("label.lr-option", { hidden: true }, make("span", {}, say("remember")), keep);
  const element = make("div.lr-options", {}, ...rows, kept);
  return {
    element,
    show(history) {
      const focused = element.getRootNode().activeElement;
      for (const [name, field] of named) if (field !== focused) field.value = String(options[name]);
      keep.checked = Boolean(history?.enabled);
      kept.hidden = history === null;
    },
  };
}
