/**
 * The panel: suggestions for the prompt in hand, beside it. `mount` puts it into an element; the host around it stands
 * behind the small port `Host` of types.mjs, and the API behind `Client`.
 */

import { ApiError, isOutdated } from "./client.mjs";
import { fill, iconButton, make } from "./dom.mjs";
import { Drawer } from "./drawer.mjs";
import { CardList } from "./list.mjs";
import { Options, optionsForm } from "./options.mjs";
import { phaseOf, working } from "./state.mjs";
import { written } from "./tags.mjs";
import { languageOf, speaker } from "./texts.mjs";
import { debounced } from "./timing.mjs";
import { whyBox } from "./why.mjs";

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Host} Host */
/** @typedef {import("./card.mjs").CardView} CardView */
/** @typedef {import("./client.mjs").Client} Client */

const WATCH = 700; // milliseconds between two looks at an index that is being built
const DWELL = 2000; // milliseconds after which suggestions on screen count as seen
const ENCODER_JOBS = ["encoder", "models"]; // names under which a server may offer to fetch one

/**
 * Put the panel into an element.
 * @param {HTMLElement} element @param {{client: Client, host: Host}} around
 * @returns {{refresh: () => Promise<void>, destroy: () => void}}
 */
export function mount(element, around) {
  let panel = new Panel(element, around, remount);
  function remount() {
    panel.destroy();
    panel = new Panel(element, around, remount);
  }
  return { refresh: () => panel.refresh(), destroy: () => panel.destroy() };
}

class Panel {
  /** @param {HTMLElement} element @param {{client: Client, host: Host}} around @param {() => void} remount */
  constructor(element, { client, host }, remount) {
    this._element = element;
    this._client = client;
    this._host = host;
    this._remount = remount;
    this._options = new Options(host.preferences);
    const language = languageOf(this._options.language || host.language || globalThis.navigator?.language);
    this._say = speaker(language, host.strings);

    /** @type {Answer | null} */
    this._answer = null;
    /** @type {{card: Card, answer: Answer} | null} */
    this._similar = null;
    /** @type {Error | null} */
    this._error = null;
    /** @type {import("./types.mjs").Index | null} */
    this._index = null;
    /** @type {{enabled: boolean} | null} */
    this._history = null;
    /** @type {{encoders: boolean, job: string} | null} */
    this._encoder = null;
    this._asked = ""; // what the latest question was about
    this._answered = ""; // the prompt that the answer is for
    /** @type {number | null} */
    this._impression = null;
    /** @type {Record<string, Card>} */
    this._known = {}; // every card seen, by id
    /** @type {Set<string>} */
    this._dismissed = new Set(); // ids, for the prompt in hand
    this._closed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._watching = undefined;

    this._typed = debounced(() => void this.refresh(), () => this._options.pause);
    this._read = debounced(() => void this._seen(), () => DWELL);
    const say = this._say;
    this._list = new CardList(make("ul.lr-list"), {
      say,
      actions: this._actions(),
      level: this._options.blur,
      adjustable: Boolean(this._host.setStrength),
    });
    this._drawer = new Drawer({ client: this._client, say, level: () => this._options.blur });
    this._why = whyBox({
      client: this._client,
      say,
      now: () => ({ prompt: this._host.getPrompt().prompt, ask: this._ask(), answer: this._answer }),
      insert: (card, suggestion) => void this._insert(card, suggestion.strength.model, suggestion.trigger_words),
      details: (card) => void this._drawer.open(card),
      unhide: (card) => this._judge(card, "show", { hidden: false }),
    });
    this._build(element, language);
    this._unlisten = host.onPromptChange(() => this._changed());
    this._draw();
    void this._learnState().then(() => this.refresh());
  }

  destroy() {
    this._closed = true;
    this._unlisten();
    this._typed.cancel();
    this._read.cancel();
    this._why.cancel();
    clearTimeout(this._watching);
    this._client.drop();
    this._root.remove();
  }

  /** Ask for suggestions now. */
  async refresh() {
    this._typed.cancel();
    const { prompt } = this._host.getPrompt();
    const ask = this._ask();
    this._asked = JSON.stringify(ask);
    if (!prompt.trim()) {
      this._client.drop();
      this._take(null, prompt);
      return;
    }
    this._root.setAttribute("aria-busy", "true");
    try {
      this._take(await this._client.suggest({ ...ask, top: this._options.top }), prompt);
    } catch (error) {
      if (isOutdated(error)) return;
      await this._failed(/** @type {Error} */ (error));
    }
    this._root.removeAttribute("aria-busy");
  }

  // -- what is known -------------------------------------------------------------------------------------------------

  _ask() {
    const { prompt, negative } = this._host.getPrompt();
    const active = this._host.active().slice(0, 100);
    return { prompt, negative, active, base_model: this._host.baseModel() || null };
  }

  /** @param {Answer | null} answer @param {string} prompt that it is for */
  _take(answer, prompt) {
    if (this._closed) return;
    const news = answer && answer.version !== this._index?.version;
    if (prompt !== this._answered) this._dismissed.clear();
    this._answer = answer;
    this._answered = prompt;
    this._error = null;
    this._impression = null;
    this._draw();
    if (answer?.suggestions.length && !this._similar) {
      this._read.call();
    } else this._read.cancel();
    if (news) void this._watch();
  }

  /** @param {Error} error */
  async _failed(error) {
    if (error instanceof ApiError && error.code === "not_indexed") await this._watch();
    else this._error = error;
    if (!this._closed) this._draw();
  }

  _changed() {
    if (JSON.stringify(this._ask()) === this._asked) return;
    const { prompt } = this._host.getPrompt();
    if (!prompt.trim()) void this.refresh();
    else if (this._options.auto) this._typed.call();
    this._draw();
  }

  async _learnState() {
    await this._watch();
    try {
      const [history, statistics, { jobs }] = await Promise.all([this._client.history(), this._client.statistics(), this._client.jobs()]);
      this._history = history;
      const job = jobs.find((one) => ENCODER_JOBS.includes(one.job));
      this._encoder = { encoders: statistics.encoders.length > 0, job: job?.job ?? "" };
    } catch {
      // Without these the panel lacks two hints; what matters is said by the question itself.
    }
    if (this._closed) return;
    this._drawOptions();
    this._draw();
  }

  /** Look at the index, and again while it is being built. */
  async _watch() {
    clearTimeout(this._watching);
    const before = this._index;
    try {
      this._index = await this._client.index();
    } catch (error) {
      this._error = /** @type {Error} */ (error);
    }
    if (this._closed) return;
    if (this._index && working(this._index)) this._watching = setTimeout(() => void this._watch(), WATCH);
    this._draw();
    if (before && before.version !== this._index?.version && this._options.auto) void this.refresh();
  }

  /** Tell that the suggestions were on screen for a while; they count as seen only then. */
  async _seen() {
    const answer = this._answer;
    if (!answer || this._similar || document.hidden) return;
    const shown = answer.suggestions.map(({ id, score, propensity }) => ({ id, score, propensity }));
    const active = answer.active.map((one) => one.id).filter(Boolean);
    const seen = { prompt: this._answered, shown, active, base_model: this._host.baseModel() };
    try {
      const { number } = await this._client.seen(seen);
      if (answer === this._answer) this._impression = number;
    } catch {
      // A lost impression is no matter for the user.
    }
  }

  // -- what the user does --------------------------------------------------------------------------------------------

  /** @param {string} kind @param {Card} card @param {object} more */
  async _did(kind, card, more = {}) {
    try {
      await this._client.did({ kind, lora: card.id, prompt: this._host.getPrompt().prompt, impression: this._impression, ...more });
      return true;
    } catch (error) {
      this._announce(this._sentence(/** @type {Error} */ (error)));
      return false;
    }
  }

  /** @param {Card} card @param {number} strength @param {string[]} words */
  async _insert(card, strength, words) {
    await this._host.insert({ card, strength, words });
    this._announce(this._say("insertedNow", { name: card.name }));
    this._draw();
    await this._did("insert", card, { strength });
  }

  /** @param {string} name @param {Card | null} card */
  async _remove(name, card) {
    await this._host.remove(name, card);
    this._announce(this._say("removedNow", { name: card?.name ?? name }));
    this._draw();
    if (card) await this._did("remove", card);
  }

  /** @param {Card} card @param {string} kind @param {Partial<Card>} change */
  async _judge(card, kind, change) {
    if (!(await this._did(kind, card))) return;
    Object.assign(card, change);
    this._list.change(card.id, change);
    for (const answer of [this._answer, this._similar?.answer]) {
      if (answer?.cards[card.id]) Object.assign(answer.cards[card.id], change);
    }
    const said = kind === "like" ? "likedNow" : kind === "hide" ? "hiddenNow" : null;
    if (said) this._announce(this._say(said, { name: card.name }));
    this._draw();
  }

  /** @returns {import("./card.mjs").CardActions} */
  _actions() {
    return {
      insert: (view) => void this._insert(view.card, view.strength, view.chosenWords),
      remove: (view) => void (view.inUse && this._remove(view.inUse.name, view.card)),
      strength: (view, before) => {
        if (!view.inUse) return;
        void this._host.setStrength?.(view.inUse.name, view.strength);
        void this._did("strength", view.card, { strength: view.strength, before });
      },
      like: (view) => void this._judge(view.card, view.card.opinion > 0 ? "neutral" : "like", { opinion: view.card.opinion > 0 ? 0 : 1 }),
      hide: (view) => void this._judge(view.card, view.card.hidden ? "show" : "hide", { hidden: !view.card.hidden }),
      dismiss: (view) => void this._dismiss(view),
      similar: (view) => void this._showSimilar(view.card),
      details: (view) => void this._drawer.open(view.card),
      preview: (id) => this._client.preview(id, 192),
    };
  }

  /** @param {CardView} view */
  async _dismiss(view) {
    if (!this._host.getPrompt().prompt.trim() || !(await this._did("dismiss", view.card))) return;
    this._dismissed.add(view.card.id);
    view.element.classList.add("lr-gone");
    this._announce(this._say("dismissedNow", { name: view.card.name }));
    this._draw();
  }

  /** @param {Card} card */
  async _showSimilar(card) {
    try {
      this._similar = { card, answer: await this._client.similar(card.id, this._options.top) };
    } catch (error) {
      this._announce(this._sentence(/** @type {Error} */ (error)));
    }
    this._draw();
  }

  _leaveSimilar() {
    this._similar = null;
    this._draw();
  }

  // -- what is shown -------------------------------------------------------------------------------------------------

  /** @param {HTMLElement} element @param {string} language */
  _build(element, language) {
    const say = this._say;
    this._status = make("span.lr-status", { role: "status" });
    this._summary = make("span.lr-summary", { role: "status" });
    this._message = make("div.lr-message");
    this._hints = make("div.lr-hints");
    this._back = iconButton("back", say("back"), () => this._leaveSimilar(), { hidden: true });
    this._uses = make("ul.lr-uses", { "aria-label": say("inUse") });
    this._form = make("div.lr-options", { hidden: true });
    this._auto = make("input.lr-switch", { type: "checkbox", role: "switch", checked: this._options.auto });
    this._auto.addEventListener("change", () => {
      this._options.auto = this._auto.checked;
      if (this._auto.checked) void this.refresh();
      else this._typed.cancel();
      this._draw();
    });
    const gear = iconButton("settings", say("settings"), () => this._toggleOptions(gear), { "aria-expanded": "false" });
    this._root = make(
      "section.lr-panel",
      { "aria-label": say("title"), lang: language === "zh" ? "zh-CN" : "en" },
      make(
        "header.lr-bar-top",
        {},
        make("h2.lr-title", {}, say("title")),
        make("label.lr-auto", { title: say("autoHelp") }, this._auto, make("span", {}, say("auto"))),
        iconButton("refresh", say("refresh"), () => void this.refresh()),
        gear,
      ),
      this._form,
      make("div.lr-line", {}, this._back, this._summary, this._status),
      this._message,
      this._list.element,
      this._uses,
      this._hints,
      this._why.element,
      this._drawer.element,
    );
    element.append(this._root);
  }

  /** @param {HTMLElement} gear */
  _toggleOptions(gear) {
    this._form.hidden = !this._form.hidden;
    gear.setAttribute("aria-expanded", String(!this._form.hidden));
    this._drawOptions();
  }

  _drawOptions() {
    if (this._form.hidden) return;
    const changed = (/** @type {string} */ name) => {
      if (name === "top") void this.refresh();
      else if (name !== "pause") this._remount();
    };
    fill(this._form, ...optionsForm(this._options, this._say, this._history, changed, (on) => void this._setHistory(on)));
  }

  /** @param {boolean} on */
  async _setHistory(on) {
    try {
      this._history = await this._client.setHistory(on);
    } catch (error) {
      this._announce(this._sentence(/** @type {Error} */ (error)));
    }
    this._draw();
  }

  _draw() {
    if (this._closed) return;
    const { prompt } = this._host.getPrompt();
    const view = { prompt, auto: this._options.auto, error: this._error, index: this._index, answer: prompt.trim() ? this._answer : null };
    const phase = phaseOf(view);
    this._root.dataset.phase = this._similar ? "similar" : phase;
    const answer = this._similar?.answer ?? (["ready", "nothing"].includes(phase) ? this._answer : null);
    const inUse = this._inUse();
    const wanted = (answer?.suggestions ?? [])
      .filter((one) => !this._dismissed.has(one.id) && (this._similar || !answer?.cards[one.id].hidden))
      .map((suggestion) => ({ card: /** @type {Answer} */ (answer).cards[suggestion.id], suggestion }));
    this._drawMessage(phase, wanted.length);
    this._list.show(wanted, new Map(inUse.filter((one) => one.id).map((one) => [one.id, one])));
    this._drawInUse(inUse);
    this._drawHints(answer);
  }

  /** @returns {{name: string, strength: number, id: string, card: Card | null}[]} what is in use, as far as it is known */
  _inUse() {
    const ids = new Map((this._answer?.active ?? []).map((one) => [one.name.toLowerCase(), one.id]));
    const cards = { ...this._known, ...this._answer?.cards, ...this._similar?.answer.cards };
    this._known = cards;
    return this._host.active().map(({ name, strength }) => {
      const id = ids.get(name.toLowerCase()) || Object.values(cards).find((card) => named(card, name))?.id || "";
      return { name, strength, id, card: cards[id] ?? null };
    });
  }

  /** @param {ReturnType<Panel["_inUse"]>} inUse */
  _drawInUse(inUse) {
    const say = this._say;
    this._uses.hidden = !inUse.length;
    const unknown = (/** @type {string} */ id) => !id && this._answer !== null && this._asked === JSON.stringify(this._ask());
    fill(
      this._uses,
      make("li.lr-uses-title", { "aria-hidden": "true" }, say("inUse")),
      ...inUse.map(({ name, strength, id, card }) =>
        make(
          "li",
          { class: unknown(id) ? "lr-use lr-unknown" : "lr-use", title: unknown(id) ? say("unknownActive") : card?.lora },
          make("span.lr-use-name", {}, card?.name ?? name),
          make("span.lr-badge", {}, written(strength)),
          iconButton("dismiss", `${say("remove")}: ${card?.name ?? name}`, () => void this._remove(name, card)),
        ),
      ),
    );
  }

  /** @param {import("./state.mjs").Phase} phase @param {number} count of suggestions */
  _drawMessage(phase, count) {
    const say = this._say;
    this._back.hidden = !this._similar;
    const summary = { ready: say("found", { count }), nothing: say("nothing") };
    const line = this._similar ? say("similarTo", { name: this._similar.card.name }) : (summary[/** @type {keyof typeof summary} */ (phase)] ?? "");
    if (this._summary.textContent !== line) fill(this._summary, line);
    this._message.hidden = Boolean(this._similar) || phase in summary;
    if (this._message.hidden) return fill(this._message);
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => make("button.lr-primary", { type: "button", onclick }, text);
    const box = (/** @type {string} */ title, /** @type {string} */ text, /** @type {...any} */ ...more) => [make("p.lr-message-title", {}, title), text && make("p", {}, text), ...more];
    const index = this._index;
    const again = () => {
      this._error = null;
      void this._learnState().then(() => this.refresh());
    };
    const start = () => void this._client.start("index").then(() => this._watch(), (error) => this._failed(error));
    /** @type {Record<import("./state.mjs").Phase, () => any[]>} */
    const shown = {
      ready: () => [],
      nothing: () => [],
      waiting: () => [make("p.lr-muted", {}, say("waiting"))],
      empty: () => box(say("emptyTitle"), say("empty")),
      paused: () => box(say("pausedTitle"), say("paused"), button(say("refresh"), () => void this.refresh())),
      none: () => box(say("nothingTitle"), say("none")),
      error: () => box(say("errorTitle"), this._sentence(/** @type {Error} */ (this._error)), button(say("retry"), again)),
      unindexed: () =>
        index?.folders ? box(say("unindexedTitle"), index.job.error || say("unindexed"), button(say("startIndex"), start)) : box(say("unindexedTitle"), say("noFolder")),
      indexing: () =>
        box(say("indexingTitle"), say("indexing"), this._progress(), make("button.lr-small", { type: "button", onclick: () => void this._client.cancel("index").then(() => this._watch()) }, say("cancel"))),
    };
    this._message.setAttribute("role", phase === "error" ? "alert" : "group");
    fill(this._message, ...shown[phase]());
  }

  _progress() {
    const progress = this._index?.job.progress;
    const bar = make("progress.lr-progress", { "aria-label": this._say("indexingTitle") });
    if (progress?.total) Object.assign(bar, { max: progress.total, value: progress.done });
    const left = progress?.seconds_left ? this._say("secondsLeft", { seconds: Math.ceil(progress.seconds_left) }) : "";
    const text = progress?.total ? this._say("progress", { done: progress.done, total: progress.total }) : "";
    return make("div", {}, bar, make("p.lr-muted", {}, [text, left].filter(Boolean).join(", ")));
  }

  /** @param {Answer | null} answer */
  _drawHints(answer) {
    const say = this._say;
    const lacking = this._encoder !== null && !this._encoder.encoders;
    const notes = [...(this._index?.notices ?? []), ...(answer?.notes ?? [])].filter((note) => !(lacking && /encoder/i.test(note)));
    const progress = this._index?.job.progress;
    const encoding = working(this._index) && this._index?.stage === "lexical" && progress?.stage === "encode" && progress.total;
    fill(
      this._hints,
      encoding && make("p.lr-hint", {}, say("improving", { done: progress.done, total: progress.total ?? 0 })),
      lacking &&
        make("p.lr-hint", {}, say("noEncoder"), this._encoder?.job && make("button.lr-small", { type: "button", onclick: () => void this._client.start(this._encoder?.job ?? "").then(() => this._watch()) }, say("fetchEncoder"))),
      this._history &&
        !this._history.enabled &&
        make("p.lr-hint", {}, say("historyOff"), make("button.lr-small", { type: "button", onclick: () => void this._setHistory(true) }, say("historyOn"))),
      ...[...new Set(notes)].map((note) => make("p.lr-hint", {}, note)),
    );
  }

  /** @param {Error} error @returns {string} */
  _sentence(error) {
    if (error instanceof ApiError && error.code === "unreachable") return this._say("unreachable");
    if (error instanceof ApiError && error.status === 401) return this._say("unauthorised");
    return error.message;
  }

  /** @param {string} text */
  _announce(text) {
    fill(this._status, text);
  }
}

/** @param {Card} card @param {string} name as a tag or node names it */
function named(card, name) {
  const wanted = name.toLowerCase().replaceAll("\\", "/").replace(/\.safetensors$/, "");
  const path = card.lora.toLowerCase().replace(/\.[^./]*$/, "");
  return path === wanted || path.endsWith(`/${wanted}`);
}
