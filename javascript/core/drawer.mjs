/** The details of one LoRA, over the panel: all fields with their sources, example prompts, the user's own use. */

import { copy, fill, iconButton, make } from "./dom.mjs";
import { preview } from "./preview.mjs";
import { covered } from "./state.mjs";
import { written } from "./tags.mjs";

const EXAMPLES = 5;
const LONGEST = 600; // characters of a field's value

export class Drawer {
  /**
   * @param {object} around
   * @param {import("./client.mjs").Client} around.client
   * @param {import("./texts.mjs").Say} around.say
   * @param {() => string} around.level the most explicit preview that is shown
   */
  constructor({ client, say, level }) {
    this._client = client;
    this._say = say;
    this._level = level;
    this._title = make("h2.lr-drawer-title", { tabindex: -1 });
    this._body = make("div.lr-drawer-body");
    /** @type {HTMLElement | null} */
    this._from = null;
    this._wanted = "";
    const head = make("header.lr-drawer-head", {}, this._title, iconButton("dismiss", say("close"), () => this.close()));
    this._page = make("div.lr-drawer-page", {}, head, this._body);
    this.element = make("section.lr-drawer", { role: "dialog", "aria-label": say("details"), hidden: true }, this._page);
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  /** @param {import("./types.mjs").Card} card */
  async open(card) {
    const say = this._say;
    const focused = /** @type {HTMLElement | null} */ (/** @type {Document} */ (this.element.getRootNode()).activeElement);
    if (!focused || !this.element.contains(focused)) this._from = focused;
    this._wanted = card.id;
    fill(this._title, card.name);
    fill(this._body, make("p.lr-muted", {}, say("loading")));
    this.element.hidden = false;
    this._cover(true);
    this._page.scrollTop = 0;
    this._title.focus({ preventScroll: true });
    try {
      const [record, own] = await Promise.all([this._client.details(card.id), this._client.uses(card.id)]);
      if (this._wanted === card.id) this._draw(record, own.uses);
    } catch (error) {
      const message = /** @type {Error} */ (error).message || say("unreachable");
      if (this._wanted === card.id) fill(this._body, make("p.lr-alert", { role: "alert" }, message));
    }
  }

  /** Give the focus back to where it was. */
  close() {
    this._wanted = "";
    this.element.hidden = true;
    this._cover(false);
    if (this._from?.isConnected) this._from.focus({ preventScroll: true });
  }

  /** What lies below the drawer cannot be reached while it is open. @param {boolean} on */
  _cover(on) {
    for (const other of this.element.parentElement?.children ?? []) {
      if (other !== this.element) other.toggleAttribute("inert", on);
    }
  }

  /** @param {any} record @param {{made: number, strength: number | null, images: number}[]} uses */
  _draw(record, uses) {
    const say = this._say;
    const { card } = record;
    const picture = make("div.lr-drawer-picture");
    if (card.preview && !covered(card.safety, this._level())) {
      const around = { say, picture: () => this._client.preview(card.id, 384), video: () => this._client.video(card.id), nothing: () => picture.remove() };
      preview(card, around, (element) => picture.append(element));
    }
    const { model, low, high, source: from } = record.suggested;
    fill(
      this._body,
      picture,
      make(
        "dl.lr-facts",
        {},
        ...fact(say("file"), card.lora),
        ...fact(say("author"), card.author),
        ...fact(say("baseModel"), record.base_models.map((/** @type {any} */ one) => `${one.name} ${Math.round(one.probability * 100)}%`).slice(0, 3).join(", ")),
        ...fact(say("role"), card.role === "unknown" ? "" : say(/** @type {any} */ (`role_${card.role}`))),
        ...fact(say("strength"), `${written(model)} · ${say("strengthRange", { low: written(low), high: written(high), source: from })}`),
        ...fact(say("allTriggers"), record.trigger_sets.map((/** @type {string[]} */ set) => set.join(", ")).join(" · ")),
        ...fact(say("tags"), [...record.user_tags, ...record.tags].join(", ")),
      ),
      ...part(say("ownUse"), uses.length ? chart(uses, say) : make("p.lr-muted", {}, say("ownUseNone"))),
      ...(record.notes ? part(say("notes"), make("p.lr-prose", {}, record.notes)) : []),
      ...(record.description ? part(say("description"), make("p.lr-prose", {}, shortened(record.description, 2000))) : []),
      ...(record.examples.length ? part(say("examples"), ...record.examples.slice(0, EXAMPLES).map((/** @type {any} */ one) => this._example(one))) : []),
      ...part(say("sources"), make("dl.lr-sources", {}, ...record.sources.map((/** @type {any} */ one) => source(one, say)))),
    );
  }

  /** @param {{prompt: string, strength: number | null}} one */
  _example(one) {
    const say = this._say;
    const button = make("button.lr-small", { type: "button" }, say("copy"));
    button.addEventListener("click", async () => fill(button, say((await copy(one.prompt)) ? "copied" : "notCopied")));
    return make("div.lr-example", {}, make("p.lr-prose", {}, one.prompt), one.strength !== null && make("span.lr-badge", {}, written(one.strength)), button);
  }
}

/** @param {string} name @param {string} value @returns {Element[]} */
function fact(name, value) {
  return value ? [make("dt", {}, name), make("dd", {}, value)] : [];
}

/** @param {string} title @param {...Element} content @returns {Element[]} */
function part(title, ...content) {
  return [make("h3.lr-part", {}, title), ...content];
}

/** @param {{field: string, value: unknown, source: string, origin: string}} one @param {import("./texts.mjs").Say} say */
function source(one, say) {
  const origin = say(/** @type {any} */ (`origin_${one.origin}`));
  return make(
    "div.lr-source",
    {},
    make("dt", {}, say(/** @type {any} */ (`field_${one.field}`))),
    make("dd", {}, shortened(readable(one.value), LONGEST), make("span.lr-origin", {}, `${origin}: ${one.source}`)),
  );
}

/** @param {unknown} value of a field, as JSON has it @returns {string} */
function readable(value) {
  if (Array.isArray(value)) return value.map(readable).filter(Boolean).join(", ");
  if (value === null || typeof value !== "object") return String(value ?? "");
  const said = Object.entries(value).filter(([name, part]) => !["source", "origin", "evidence"].includes(name) && part !== null && part !== "");
  return said.map(([name, part]) => (name === "probability" ? `${Math.round(part * 100)}%` : name === "name" || name === "prompt" ? readable(part) : `${name.replaceAll("_", " ")} ${readable(part)}`)).join(" ");
}

/** @param {string} text @param {number} most */
function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

const WIDE = 300;
const HIGH = 90;

/**
 * Strengths over time, one dot per use.
 * @param {{made: number, strength: number | null}[]} uses oldest first @param {import("./texts.mjs").Say} say
 */
function chart(uses, say) {
  const dots = uses.filter((use) => use.strength !== null);
  const text = say("ownUseChart", { count: uses.length });
  if (!dots.length) return make("p", {}, text);
  const strengths = dots.map((use) => Number(use.strength));
  const least = Math.min(0, ...strengths);
  const most = Math.max(1, ...strengths);
  const first = dots[0].made;
  const span = dots[dots.length - 1].made - first;
  const x = (/** @type {number} */ at) => 34 + (span ? (at - first) / span : 0.5) * (WIDE - 44);
  const y = (/** @type {number} */ at) => HIGH - 18 - ((at - least) / (most - least)) * (HIGH - 28);
  const date = (/** @type {number} */ at) => new Date(at * 1000).toLocaleDateString();
  return make(
    "figure.lr-chart",
    {},
    make(
      "svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": text },
      ...[least, most].map((at) => make("line", { x1: 34, x2: WIDE - 8, y1: y(at), y2: y(at) })),
      ...[least, most].map((at) => make("text", { x: 28, y: y(at) + 3, "text-anchor": "end" }, written(at))),
      make("text", { x: 34, y: HIGH - 4 }, date(first)),
      span > 0 && make("text", { x: WIDE - 8, y: HIGH - 4, "text-anchor": "end" }, date(first + span)),
      ...dots.map((use) => make("circle", { cx: x(use.made), cy: y(Number(use.strength)), r: 3 }, make("title", {}, `${date(use.made)}: ${written(Number(use.strength))}`))),
    ),
    make("figcaption.lr-muted", {}, text),
  );
}
