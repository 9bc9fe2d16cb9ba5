/**
 * Where the panel lives: below the prompt, or beside the page. It folds, and remembers that and its height. It stands in a
 * shadow tree, since every host of the family has rules for all buttons and fields of its page.
 */

import { make } from "../core/dom.mjs";

const LEAST = 160; // pixels
const ROOM = "lorarec-made-room"; // class of the page's body while a panel stands beside it
const STYLES = ["../core/panel.css", "./dock.css"];

/** @type {Set<Dock>} all that stand on the page */
const docks = new Set();

/** Links to our styles, for the page or a shadow tree in it. */
export function styles() {
  return STYLES.map((file) => make("link", { rel: "stylesheet", href: new URL(file, import.meta.url).href }));
}

export class Dock {
  /**
   * @param {string} id of its element
   * @param {import("../core/types.mjs").Preferences} preferences
   * @param {string} title
   * @param {() => void} appeared it came into sight, open
   */
  constructor(id, preferences, title, appeared) {
    this._preferences = preferences;
    this._appeared = appeared;
    this.content = make("div.lorarec-content");
    this.body = make("div.lorarec-body");
    this.body.attachShadow({ mode: "open" }).append(...styles(), this.content);
    this._title = make("summary.lorarec-title", {}, title);
    this.element = make("details.lorarec-dock", { id, open: preferences.get("open") !== "no" }, this._title, this.body);
    const height = Number(preferences.get("height"));
    if (height >= LEAST) this.body.style.setProperty("--lorarec-height", `${height}px`);
    this.element.addEventListener("toggle", () => {
      preferences.set("open", this.element.open ? "yes" : "no");
      this._settle();
    });
    this.body.addEventListener("pointerup", () => this._resized());
    this._watch = new IntersectionObserver(() => this._settle()); // tells when its tab comes and goes
    this._watch.observe(this.element);
    docks.add(this);
  }

  /** @returns {boolean} whether it can be looked at: of a hidden tab or a folded panel nothing needs to work */
  get showing() {
    return this.element.open && this.element.getClientRects().length > 0;
  }

  /** @param {string} title */
  name(title) {
    this._title.textContent = title;
  }

  /** @param {HTMLElement} place @param {boolean} beside */
  put(place, beside) {
    this.element.classList.toggle("lorarec-beside", beside);
    if (this.element.parentElement !== place) place.append(this.element);
    this._settle();
  }

  remove() {
    docks.delete(this);
    this._watch.disconnect();
    this.element.remove();
    this._settle();
  }

  _settle() {
    // Of two tabs the one that comes may be told before the one that goes.
    document.body.classList.toggle(ROOM, [...docks].some((dock) => dock.showing && dock.element.classList.contains("lorarec-beside")));
    if (this.showing) this._appeared();
  }

  _resized() {
    const height = Math.round(this.body.getBoundingClientRect().height);
    if (this.body.style.height && height >= LEAST) this._preferences.set("height", String(height));
  }
}
