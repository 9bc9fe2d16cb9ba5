/** What the user chose for the panel: on the WebUI's page of settings for all browsers, in the panel for this one. */

import { options } from "./page.mjs";

/** Name on the panel -> on the page of settings, with how its value is written here. @type {Record<string, [string, (value: any) => string]>} */
const SHARED = {
  auto: ["lorarec_auto", (value) => (value ? "on" : "off")],
  pause: ["lorarec_pause", String],
  top: ["lorarec_panel_top", String],
  blur: ["lorarec_blur", String],
};

/**
 * Keeps choices in the browser. Of an option that stands on the page of settings too the later word counts: what the
 * panel said holds until the page of settings says something else than it did then.
 * @returns {import("../core/types.mjs").Preferences}
 */
export function preferences() {
  return {
    get(name) {
      const shared = common(name);
      const own = read(name);
      if (shared === null) return own?.value ?? null;
      return own && own.over === shared ? own.value : shared;
    },
    set(name, value) {
      try {
        localStorage.setItem(`lorarec.${name}`, JSON.stringify({ value, over: common(name) }));
      } catch {
        // Storage is closed to this page; the choice is lost with it.
      }
    },
  };
}

/** @param {string} name @returns {string | null} what the page of settings says; null: nothing */
function common(name) {
  const [key, write] = SHARED[name] ?? ["", String];
  const value = options()[key];
  return value === undefined || value === null ? null : write(value);
}

/** @param {string} name @returns {{value: string, over: string | null} | null} */
function read(name) {
  try {
    const kept = JSON.parse(localStorage.getItem(`lorarec.${name}`) ?? "null");
    return typeof kept?.value === "string" ? kept : null;
  } catch {
    return null; // no storage, or what another page wrote there
  }
}
