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

/**
 * The form of the options.
 * @param {Options} options @param {import("./texts.mjs").Say} say
 * @param {{enabled: boolean} | null} history whether the server remembers; null: not known
 * @param {(name: "pause" | "top" | "blur" | "cover" | "language") => void} changed @param {(on: boolean) => void} remember
 */
export function optionsForm(options, say, history, changed, remember) {
  /** @param {"pause" | "top" | "blur" | "cover" | "language"} name @param {any} field */
  const row = (name, field) => {
    field.addEventListener("change", () => {
      options.set(name, field.value);
      changed(name);
    });
    return make("label.lr-option", {}, make("span", {}, say(name)), field);
  };
  /** @param {[string, string][]} choices @param {string} value */
  const select = (choices, value) =>
    make("select.lr-input", {}, ...choices.map(([name, text]) => make("option", { value: name, selected: name === value }, text)));
  const keep = make("input", { type: "checkbox", checked: history?.enabled });
  keep.addEventListener("change", () => remember(keep.checked));
  return [
    row("pause", make("input.lr-input", { type: "number", min: 100, max: 10_000, step: 50, value: options.pause })),
    row("top", make("input.lr-input", { type: "number", min: 1, max: 200, value: options.top })),
    row("blur", select(LEVELS.map((level) => [level, say(level)]), options.blur)),
    row("cover", select(COVERS.map((cover) => [cover, say(/** @type {any} */ (`cover_${cover}`))]), options.cover)),
    row("language", select([["", say("languageAuto")], ["en", "English"], ["zh", "简体中文"]], options.language)),
    history && make("label.lr-option", {}, make("span", {}, say("remember")), keep),
  ];
}
