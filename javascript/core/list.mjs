/** The cards in their order. What the user points at, or has the focus in, neither moves nor goes while they do. */

import { CardView } from "./card.mjs";
import { make } from "./dom.mjs";
import { arrange, staying } from "./state.mjs";

const FIRST = 12; // cards that are drawn whether they can be seen or not
const NEAR = "400px"; // two rows of cards

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Suggestion} Suggestion */
/** @typedef {{card: Card, suggestion: Suggestion, fits: boolean}} Entry */
/** @typedef {(suggestion: Suggestion) => {name: string, strength: number} | null} InUse what is in use of it */

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
    /** @type {InUse} */
    this._inUse = () => null;
    /** @type {Set<string>} ids of cards near the visible part */
    this._near = new Set();
    // Hosts scroll the panel in places of their own, which only the newer of the two margins reaches into.
    const margins = /** @type {IntersectionObserverInit} */ ({ rootMargin: NEAR, scrollMargin: NEAR });
    this._sight = new IntersectionObserver((seen) => this._look(seen), margins);
    const settle = () => setTimeout(() => this._arrange(), 0);
    element.addEventListener("pointerleave", settle);
    element.addEventListener("focusout", settle);
    element.addEventListener("focusin", (/** @type {FocusEvent} */ { target }) => this._beside(/** @type {HTMLElement} */ (target)));
    /** @type {{x: number, y: number} | null} where the pointer was seen last */
    this._pointer = null;
    this._heed = (/** @type {PointerEvent} */ { clientX, clientY }) => (this._pointer = { x: clientX, y: clientY });
    document.addEventListener("pointermove", this._heed, { capture: true, passive: true });
  }

  /** It is shown no longer. */
  destroy() {
    this._sight.disconnect();
    document.removeEventListener("pointermove", this._heed, { capture: true });
  }

  /** @param {Entry[]} wanted in their order @param {InUse} inUse */
  show(wanted, inUse) {
    this._wanted = wanted;
    this._inUse = inUse;
    this._arrange();
  }

  /** Drop all cards, also a held one: what comes next is about something else. */
  clear() {
    for (const id of this._views.keys()) this._drop(id);
    this._views.clear();
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

  /** @param {IntersectionObserverEntry[]} seen cards that came near or went away */
  _look(seen) {
    for (const { target, isIntersecting } of seen) {
      const id = String(/** @type {HTMLElement} */ (target).dataset.id);
      const view = this._views.get(id);
      if (view?.element !== target) continue; // it was dropped meanwhile
      if (isIntersecting) {
        this._near.add(id);
        view.draw();
      } else this._near.delete(id);
    }
  }

  /** Draw what the next Tab leads into, which may come before the next frame. @param {HTMLElement} focused */
  _beside(focused) {
    const card = focused.closest(".lr-card");
    for (const other of [card?.previousElementSibling, card?.nextElementSibling]) {
      if (other) this._views.get(String(/** @type {HTMLElement} */ (other).dataset.id))?.draw();
    }
  }

  _arrange() {
    const held = this.held;
    const wanted = new Map(this._wanted.map((entry) => [entry.card.id, entry]));
    const shown = [...this._views.keys()];
    const order = arrange(shown, [...wanted.keys()], held);
    const views = order.map((id) => this._view(id, wanted.get(id)));
    // All cards are of one height: what comes where others can be seen will be seen.
    const places = new Set(shown.flatMap((id, k) => (this._near.has(id) ? [k] : [])));
    views.forEach((view, k) => {
      if (k < FIRST || places.has(k) || view.card.id === held) view.draw();
    });
    this._place(shown, views, held);
    this._views = new Map(order.map((id, k) => [id, views[k]]));
  }

  /** @param {string} id @param {Entry | undefined} entry absent: one that only stays because it is held */
  _view(id, entry) {
    let view = this._views.get(id);
    if (!view) {
      if (!entry) throw new Error(`no card ${id}`);
      view = new CardView(entry.card, entry.suggestion, this._around);
      this._sight.observe(view.element);
    }
    const suggestion = entry?.suggestion ?? view.suggestion;
    view.update(entry?.card ?? view.card, suggestion, this._inUse(suggestion), entry?.fits ?? view.fits);
    return view;
  }

  /**
   * Put elements in order and move as few as possible; the held one never, for it would lose the focus.
   * @param {string[]} shown as they stand @param {CardView[]} views in their order @param {string | null} held
   */
  _place(shown, views, held) {
    const order = views.map((view) => view.card.id);
    const wanted = new Set(order);
    for (const id of shown.filter((one) => !wanted.has(one))) this._drop(id);
    const still = staying(shown, order, held);
    /** @type {any} */
    const list = this.element;
    /** @type {HTMLElement | null} */
    let next = null;
    for (const { card, element } of [...views].reverse()) {
      // The focus may be in another card than the pointer: newer browsers move that without losing it.
      if (!still.has(card.id)) list[element.isConnected && list.moveBefore ? "moveBefore" : "insertBefore"](element, next);
      next = element;
    }
  }

  /** @param {string} id of a card that is shown no longer */
  _drop(id) {
    const element = /** @type {HTMLElement} */ (this._views.get(id)?.element);
    this._sight.unobserve(element);
    this._near.delete(id);
    element.remove();
  }
}
