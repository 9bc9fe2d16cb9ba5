/**
 * One card: a LoRA with all that the user can do with it. The element stays the same while its content changes. Until it
 * comes near the visible part of the panel it holds the LoRA's name alone: of two hundred cards few are looked at.
 */

import { changed, fill, icon, iconButton, make } from "./dom.mjs";
import { preview } from "./preview.mjs";
import { covered, percent, sliderEnds } from "./state.mjs";
import { written } from "./tags.mjs";

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Suggestion} Suggestion */

/**
 * @typedef {object} CardActions what the panel does when a button is pressed
 * @property {(choice: import("./types.mjs").Choice) => void} insert
 * @property {(view: CardView) => void} remove
 * @property {(view: CardView, before: number) => void} strength chosen for a LoRA in use
 * @property {(view: CardView) => void} like
 * @property {(view: CardView) => void} hide
 * @property {(view: CardView) => void} dismiss
 * @property {(view: CardView) => void} similar
 * @property {(view: CardView) => void} details
 * @property {(id: string) => Promise<string>} preview address of the picture
 * @property {(id: string) => string} video address of the video; "": there is none to show
 */

export class CardView {
  /**
   * @param {Card} card @param {Suggestion} suggestion
   * @param {object} around
   * @param {import("./texts.mjs").Say} around.say @param {CardActions} around.actions
   * @param {() => {level: string, omit: boolean}} around.previews the most explicit that is shown uncovered, and whether a
   *   more explicit one is left out instead of covered
   * @param {boolean} around.adjustable whether the strength of one in use can be changed
   * @param {boolean=} around.tags whether the host names LoRAs by their file name alone
   * @param {(choice: import("./types.mjs").Choice) => string} around.halves what its user must know of a pair's halves; "": nothing
   */
  constructor(card, suggestion, { say, actions, previews, adjustable, tags, halves }) {
    this.card = card;
    this.suggestion = suggestion;
    /** @type {{name: string, strength: number} | null} */
    this.inUse = null;
    /** @type {number | null} what the user chose */
    this.chosen = null;
    /** @type {Map<string, boolean>} */
    this.words = new Map();
    this.fits = true;
    this._around = { previews, adjustable, tags, halves };
    this._say = say;
    this._actions = actions;
    this._drawn = false;
    this._pictures = 0; // how often one was asked for
    this._name = make("h3.lr-name");
    this._head = make("div.lr-head", {}, this._name);
    this.element = make("li.lr-card", { "data-id": card.id }, this._head);
    this.update(card, suggestion, null, true);
  }

  /** @returns {number} the strength to insert with */
  get strength() {
    return this.chosen ?? this.inUse?.strength ?? this.suggestion.strength.model;
  }

  /** @returns {import("./types.mjs").Choice} what to insert */
  get choice() {
    const words = [...this.words].filter(([, lit]) => lit).map(([word]) => word);
    const { partner, fingerprint } = this.suggestion;
    return { card: this.card, strength: this.strength, words, partner, fingerprint };
  }

  /**
   * Take what a newer answer says; what the user chose on the card stays. `draw` shows it.
   * @param {Card} card @param {Suggestion} suggestion @param {{name: string, strength: number} | null} inUse
   * @param {boolean} fits whether it reaches the least fit
   */
  update(card, suggestion, inUse, fits) {
    const before = this.inUse;
    this.card = card;
    this.suggestion = suggestion;
    this.inUse = inUse;
    this.fits = fits;
    this.element.classList.toggle("lr-hardly", !fits);
    if (inUse && before && inUse.strength !== before.strength) this.chosen = null;
    if (changed(this._name, card.name)) fill(this._name, card.name);
  }

  /** Show all of it, as it is now. */
  draw() {
    if (!this._drawn) this._build();
    this._drawHead();
    this._drawPreview();
    this._drawScore();
    this._drawReasons();
    this._drawWords();
    this._drawStrength();
    this._drawButtons();
  }

  _build() {
    const { _say: say, _actions: actions, card } = this;
    const { tags } = this._around;
    this._drawn = true;
    this._preview = make("div.lr-preview");
    this._badge = make("span.lr-badge");
    this._pair = make("span.lr-badge", {}, say("pair"));
    this._fill = make("span.lr-bar-fill");
    this._percent = make("span.lr-percent");
    this._score = make("div.lr-score", { role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 }, make("span.lr-bar", {}, this._fill), this._percent);
    this._reasons = make("ul.lr-reasons", { "aria-label": say("reasons") });
    this._chips = make("div.lr-chips", { role: "group", "aria-label": say("triggerWords"), title: say("triggerHelp") });
    this._slider = make("input.lr-slider", { type: "range", step: 0.05, oninput: () => this._slide(), onchange: () => this._settle() });
    this._value = make("output.lr-value");
    this._insert = make("button.lr-primary", { type: "button", onclick: () => this._press() });
    this._like = iconButton("like", say("like"), () => actions.like(this));
    this._hide = iconButton("hide", say("hide"), () => actions.hide(this));
    this._head.append(this._badge, this._pair);
    if (!card.unique && tags) this._head.append(make("span.lr-badge.lr-doubtful.lr-shared", { title: say("sharedNameHelp") }, say("sharedName")));
    this.element.prepend(this._preview);
    this.element.append(
      this._score,
      this._reasons,
      this._chips,
      make("label.lr-strength", {}, make("span", {}, say("strength")), this._slider, this._value),
      make(
        "div.lr-actions",
        {},
        this._insert,
        this._like,
        this._hide,
        iconButton("dismiss", say("dismiss"), () => actions.dismiss(this)),
        iconButton("similar", say("similar"), () => actions.similar(this)),
        iconButton("details", say("details"), () => actions.details(this), { "aria-haspopup": "dialog" }),
      ),
    );
  }

  _press() {
    if (this.inUse) this._actions.remove(this);
    else this._actions.insert(this.choice);
  }

  _slide() {
    this.chosen = Number(this._slider.value);
    changed(this._slider); // no longer as it was drawn
    this._value.value = written(this.chosen);
    this._slider.setAttribute("aria-valuetext", this._value.value);
  }

  _settle() {
    this._slide();
    if (this.inUse) this._actions.strength(this, this.inUse.strength);
  }

  _drawHead() {
    const { card, inUse, suggestion, _say: say } = this;
    const { base_model_doubt: doubt } = suggestion;
    if (!changed(this._head, card.name, card.version, card.lora, card.base_model?.name, doubt, inUse?.strength)) return;
    this.element.classList.toggle("lr-in-use", Boolean(inUse));
    this.element.setAttribute("aria-label", inUse ? `${card.name}, ${say("inUseAt", { strength: written(inUse.strength) })}` : card.name);
    this._name.title = [card.name, card.version, card.lora].filter(Boolean).join("\n");
    fill(this._badge, card.base_model?.name);
    this._badge.hidden = !card.base_model;
    this._badge.classList.toggle("lr-doubtful", Boolean(doubt));
    this._badge.title = doubt || say("baseModel");
  }

  _drawScore() {
    const { score } = this.suggestion;
    if (!changed(this._score, score, this.fits)) return;
    const text = percent(score);
    this._score.setAttribute("aria-valuenow", Math.round(score * 100));
    const told = this._say(this.fits ? "fit" : "hardly", { score: text });
    this._score.setAttribute("aria-label", told);
    this._score.title = this.fits ? this._say("fitHelp") : told;
    this._fill.style.width = `${Math.max(2, score * 100)}%`;
    fill(this._percent, text);
  }

  _drawReasons() {
    const { partner, reasons } = this.suggestion;
    const note = partner && this._around.halves(this.choice);
    if (!changed(this._reasons, partner, note, ...reasons.map((one) => one.text))) return;
    this._pair.hidden = !partner;
    this._pair.classList.toggle("lr-doubtful", Boolean(note));
    this._pair.title = note || (partner && this._say("pairHelp", { high: this.card.lora, low: partner }));
    const told = note ? [make("li.lr-alert", { title: note }, note)] : [];
    fill(this._reasons, ...told, ...reasons.slice(0, 3 - told.length).map(({ text }) => make("li", { title: text }, text)));
  }

  _drawButtons() {
    const { card, inUse, _say: say } = this;
    const { opinion, hidden, name } = card;
    if (!changed(this._insert, Boolean(inUse), opinion > 0, hidden, name)) return;
    const text = say(inUse ? "remove" : "insert");
    fill(this._insert, text);
    this._insert.setAttribute("aria-label", `${text}: ${name}`);
    label(this._like, say(opinion > 0 ? "unlike" : "like"), opinion > 0);
    label(this._hide, say(hidden ? "unhide" : "hide"), hidden);
  }

  _drawStrength() {
    const { strength } = this.suggestion;
    const { low, high, source } = strength;
    const { min, max } = sliderEnds(strength);
    const disabled = Boolean(this.inUse) && !this._around.adjustable;
    const slider = this._slider;
    if (!changed(slider, this.card.name, this.strength, low, high, source, min, max, disabled)) return;
    Object.assign(slider, { min: String(min), max: String(max) });
    slider.value = String(this.strength);
    slider.disabled = disabled;
    this._value.value = written(this.strength);
    const range = this._say("strengthRange", { low: written(low), high: written(high), source });
    slider.title = range;
    slider.setAttribute("aria-label", `${this._say("strength")}: ${this.card.name}, ${range}`);
    slider.setAttribute("aria-valuetext", this._value.value);
    const part = (/** @type {number} */ at) => `${((at - min) / (max - min)) * 100}%`;
    slider.style.setProperty("--lr-low", part(low));
    slider.style.setProperty("--lr-high", part(high));
  }

  _drawWords() {
    const chosen = this.suggestion.trigger_words;
    const all = [...new Set([...chosen, ...this.card.trigger_sets.flat()])].slice(0, 12);
    const known = [...this.words.keys()];
    const same = all.length === known.length && all.every((word, k) => word === known[k]);
    if (!same) {
      this.words = new Map(all.map((word) => [word, chosen.includes(word)]));
      fill(this._chips, ...all.map((word) => this._chip(word)));
    }
    this._chips.classList.toggle("lr-empty", !all.length);
  }

  /** @param {string} word */
  _chip(word) {
    const chip = make("button.lr-chip", { type: "button", "aria-pressed": String(this.words.get(word)), title: word }, word);
    chip.addEventListener("click", () => {
      this.words.set(word, !this.words.get(word));
      chip.setAttribute("aria-pressed", String(this.words.get(word)));
    });
    return chip;
  }

  _drawNothing() {
    this._preview.classList.remove("lr-covered");
    fill(this._preview, make("span.lr-no-preview", { "aria-hidden": "true" }, initials(this.card.name)));
  }

  _drawPreview() {
    const { card, _say: say } = this;
    const { level, omit } = this._around.previews();
    const cover = covered(card.safety, level);
    if (!changed(this._preview, card.preview, cover, omit, level)) return;
    const mine = (this._pictures += 1);
    this._drawNothing();
    if (!card.preview || (cover && omit)) return;
    const nothing = () => {
      if (mine === this._pictures) this._drawNothing();
    };
    const shown = (/** @type {HTMLElement} */ picture) => {
      if (mine !== this._pictures) return; // another level was chosen meanwhile
      fill(this._preview, picture);
      if (!cover) return;
      this._preview.classList.add("lr-covered");
      const show = make("button.lr-uncover", { type: "button", "aria-label": `${say("showPreview")}: ${say("previewOf", { name: card.name })}` }, icon("hide"), say("showPreview"));
      show.addEventListener("click", () => {
        this._preview.classList.remove("lr-covered");
        show.remove();
      });
      this._preview.append(show);
    };
    preview(card, { say, nothing, picture: () => this._actions.preview(card.id), video: () => this._actions.video(card.id) }, shown);
  }
}

/** @param {HTMLElement} button @param {string} text @param {boolean} pressed */
function label(button, text, pressed) {
  button.title = text;
  button.setAttribute("aria-label", text);
  button.setAttribute("aria-pressed", String(pressed));
}

/** @param {string} name @returns {string} one or two letters that stand for a LoRA without picture */
function initials(name) {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0]).join("").toUpperCase() || "?";
}
