/** The cards in their order. What the user points at, or has the focus in, neither moves nor goes while they do. */

import { CardView } from "./card.mjs";
import { make } from "./dom.mjs";
import { arrange } from "./state.mjs";

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Suggestion} Suggestion */
/** @typedef {{card: Card, suggestion: Suggestion}} Entry */

export class CardList {
  /** @param {ConstructorParameters<typeof CardView>[2]} around handed to every card */
  constructor(around) {
    const element = make("ul.lr-list");
    /** @type {HTMLElement} */
    this.element = element;
    this._around = around;
    /** @type {Map<string, CardView>} */
    this._views = new Map();
    /** @type {Entry[]} */
    this._wanted = [];
    /** @type {Map<string, {name: string, strength: number}>} */
    this._inUse = new Map();
    const settle = () => setTimeout(() => this._arrange(), 0);
    element.addEventListener("pointerleave", settle);
    element.addEventListener("focusout", settle);
    /** @type {{x: number, y: number} | null} where the pointer was seen last */
    this._pointer = null;
    this._heed = (/** @type {PointerEvent} */ { clientX, clientY }) => (this._pointer = { x: clientX, y: clientY });
    document.addEventListener("pointermove", this._heed, { capture: true, passive: true });
  }

  /** It is shown no longer. */
  destroy() {
    document.removeEventListener("pointermove", this._heed, { capture: true });
  }

  /** @param {Entry[]} wanted in their order @param {Map<string, {name: string, strength: number}>} inUse by id */
  show(wanted, inUse) {
    this._wanted = wanted;
    this._inUse = inUse;
    this._arrange();
  }

  /** Tell a card what the user said of its LoRA, whichever answer it is from. @param {string} id @param {Partial<Card>} change */
  change(id, change) {
    const view = this._views.get(id);
    if (view) Object.assign(view.card, change);
  }

  /** @returns {string | null} id of the card that must not move now */
  get held() {
    const card = this._hovered ?? this.element.querySelector(".lr-card:focus-within");
    return /** @type {HTMLElement | null} */ (card)?.dataset.id ?? null;
  }

  /** The card under the pointer. Chromium keeps `:hover` on what was moved in the page after the pointer has left it. */
  get _hovered() {
    const card = this.element.querySelector(".lr-card:hover");
    if (!card || !this._pointer) return card;
    const root = /** @type {Document | ShadowRoot} */ (this.element.getRootNode());
    const under = root.elementFromPoint(this._pointer.x, this._pointer.y)?.closest(".lr-card") ?? null;
    return under && this.element.contains(under) ? under : null;
  }

  _arrange() {
    const held = this.held;
    const wanted = new Map(this._wanted.map((entry) => [entry.card.id, entry]));
    const shown = [...this._views.keys()];
    const order = arrange(shown, [...wanted.keys()], held);
    const views = order.map((id) => this._view(id, wanted.get(id)));
    this._views = new Map(order.map((id, k) => [id, views[k]]));
    this._place(views, held);
  }

  /** @param {string} id @param {Entry | undefined} entry absent: one that only stays because it is held */
  _view(id, entry) {
    const known = this._views.get(id);
    const inUse = this._inUse.get(id) ?? null;
    if (!known) {
      if (!entry) throw new Error(`no card ${id}`);
      const view = new CardView(entry.card, entry.suggestion, this._around);
      if (inUse) view.update(entry.card, entry.suggestion, inUse);
      return view;
    }
    known.update(entry?.card ?? known.card, entry?.suggestion ?? known.suggestion, inUse);
    return known;
  }

  /** Put elements in order; the held one is never taken out, for it would lose the focus. @param {CardView[]} views @param {string | null} held */
  _place(views, held) {
    const at = views.findIndex((view) => view.card.id === held);
    const elements = views.map((view) => view.element);
    if (at < 0) {
      const same = elements.length === this.element.children.length && elements.every((one, k) => one === this.element.children[k]);
      if (!same) this.element.replaceChildren(...elements);
      return;
    }
    for (const child of [...this.element.children]) if (!elements.includes(child)) child.remove();
    for (const element of elements.slice(at + 1)) this.element.append(element);
    elements[at].before(...elements.slice(0, at));
  }
}
