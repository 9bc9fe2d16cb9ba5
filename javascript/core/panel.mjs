/**
 * The panel: suggestions for the prompt in hand, beside it. `mount` puts it into an element; the host around it stands
 * behind the small port `Host` of types.mjs, and the API behind `Client`.
 */

import { ApiError, isOutdated } from "./client.mjs";
import { Deeds } from "./deeds.mjs";
import { changed, fill } from "./dom.mjs";
import { Drawer } from "./drawer.mjs";
import { EncoderBox } from "./encoder.mjs";
import { frame } from "./frame.mjs";
import { drawUsed, isCalled, Known } from "./in_use.mjs";
import { CardList } from "./list.mjs";
import { drawHints, drawMessage, sentence } from "./messages.mjs";
import { Options, optionsForm } from "./options.mjs";
import { ServerState } from "./server_state.mjs";
import { shelf } from "./shelf.mjs";
import { covered, phaseOf } from "./state.mjs";
import { languageOf, speaker } from "./texts.mjs";
import { debounced } from "./timing.mjs";
import { whyBox } from "./why.mjs";

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Host} Host */
/** @typedef {import("./client.mjs").Client} Client */

const DWELL = 2000; // milliseconds after which suggestions on screen count as seen

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
    this._asked = ""; // what the latest question was about
    this._answered = ""; // the prompt that the answer is for
    this._known = new Known();
    this._closed = false;

    this._typed = debounced(() => void this.refresh(), () => this._options.pause);
    this._read = debounced(() => void (this._answer && !this._similar && this._deeds.see(this._answer, this._answered)), () => DWELL);
    this._server = new ServerState(client, {
      change: () => this._draw(),
      news: () => void (this._options.auto && this.refresh()),
      error: (error) => (this._error = error),
    });
    const say = this._say;
    this._deeds = new Deeds({
      client,
      host,
      say,
      used: (id, partner) => inUseOf(this._used(), id, partner)?.name,
      halves: (choice) => this._halves(choice),
      announce: (text, undo) => this._announce(text, undo),
      complain: (error) => this._complain(error),
      change: (id, change) => this._change(id, change),
      done: () => this._draw(),
    });
    const { blur: level, cover } = this._options;
    const around = { say, actions: this._actions(), level, omit: cover !== "blur" };
    this._list = new CardList({ ...around, adjustable: Boolean(host.setStrength), tags: host.tags, halves: (choice) => this._halves(choice) });
    this._drawer = new Drawer({ client, say, level: () => level });
    this._encoder = new EncoderBox(say, {
      fetch: () => this._try(this._server.fetchEncoder()),
      stop: () => this._try(this._server.stopEncoder()),
      address: (name, value) => this._server.setAddress(name, value),
    });
    this._shelf = shelf({
      client,
      say,
      sentence: (error) => sentence(error, say),
      insert: (card) => this._try(this._insertPlain(card)),
      details: (card) => void this._drawer.open(card),
      unlike: (card) => this._deeds.like(card),
      unhide: (card) => this._deeds.hide(card),
    });
    this._why = whyBox({
      client,
      say,
      now: () => ({ prompt: host.getPrompt().prompt, ask: this._ask(), answer: this._answer }),
      insert: (card, suggestion) => void this._deeds.insert(choiceOf(card, suggestion)),
      details: (card) => void this._drawer.open(card),
      unhide: (card) => this._deeds.hide(card),
    });
    const parts = { list: this._list.element, why: this._why.element, shelf: this._shelf.element, encoder: this._encoder.element, drawer: this._drawer.element };
    this._frame = frame(say, language, this._options.auto, parts, {
      auto: (on) => this._setAuto(on),
      refresh: () => void this.refresh(),
      back: () => this._leaveSimilar(),
      options: () => this._drawOptions(),
    });
    element.append(this._frame.root);
    this._unlisten = host.onPromptChange(() => this._changed());
    this._draw();
    void this._lookAround(false);
  }

  destroy() {
    this._closed = true;
    this._unlisten();
    this._typed.cancel();
    this._read.cancel();
    this._why.cancel();
    this._list.destroy();
    this._server.close();
    this._client.drop();
    this._frame.root.remove();
  }

  /** Look at the server, then ask. @param {boolean} anyway whether the user wants it, auto or not */
  async _lookAround(anyway) {
    await this._server.learn();
    this._drawOptions();
    if (!this._closed && (anyway || this._options.auto)) await this.refresh();
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
    this._frame.root.setAttribute("aria-busy", "true");
    try {
      this._take(await this._client.suggest({ ...ask, top: this._options.top }), prompt);
    } catch (error) {
      if (isOutdated(error)) return;
      await this._failed(/** @type {Error} */ (error));
    }
    this._frame.root.removeAttribute("aria-busy");
  }

  // -- question and answer -------------------------------------------------------------------------------------------

  _ask() {
    const { prompt, negative } = this._host.getPrompt();
    const active = this._host.active().slice(0, 100);
    return { prompt, negative, active, base_model: this._host.baseModel() || null, safety: this._options.safety };
  }

  /** @param {Answer | null} answer @param {string} prompt that it is for */
  _take(answer, prompt) {
    if (this._closed) return;
    const news = answer && answer.version !== this._server.index?.version;
    if (prompt !== this._answered) this._deeds.dismissed.clear();
    this._answer = answer;
    this._known.learn(answer?.cards ?? {});
    this._answered = prompt;
    this._error = null;
    this._deeds.unseen();
    this._draw();
    if (answer?.suggestions.length && !this._similar) {
      this._read.call();
    } else this._read.cancel();
    if (news) void this._server.watch();
  }

  /** @param {Error} error */
  async _failed(error) {
    if (error instanceof ApiError && error.code === "not_indexed") await this._server.watch();
    else this._error = error;
    this._draw();
  }

  _changed() {
    const { prompt } = this._host.getPrompt();
    if (JSON.stringify(this._ask()) !== this._asked) {
      if (!prompt.trim()) void this.refresh();
      else if (this._options.auto) this._typed.call();
    }
    this._draw(); // also for the question that was asked: a change may have been taken back before it was asked about
  }

  // -- what the user does --------------------------------------------------------------------------------------------

  /** @returns {import("./card.mjs").CardActions} */
  _actions() {
    const deeds = this._deeds;
    return {
      insert: (choice) => void deeds.insert(choice),
      remove: (view) => void (view.inUse && deeds.remove(view.inUse.name, view.card, view.suggestion.partner)),
      strength: (view, before) => void deeds.strength(view, before),
      like: (view) => void deeds.like(view.card),
      hide: (view) => void deeds.hide(view.card),
      dismiss: (view) => void deeds.dismiss(view),
      similar: (view) => void this._showSimilar(view.card),
      details: (view) => void this._drawer.open(view.card),
      preview: (id) => this._client.preview(id, 192),
      video: (id) => this._client.video(id),
    };
  }

  /** @param {string} id @param {Partial<Card>} change to its card, wherever it is shown */
  _change(id, change) {
    this._list.change(id, change);
    for (const answer of [this._answer, this._similar?.answer]) {
      if (answer?.cards[id]) Object.assign(answer.cards[id], change);
    }
    void this._shelf.look();
  }

  /** A LoRA that may not be suggested now; either half of a pair stands for both. @param {Card} card */
  async _insertPlain(card) {
    const suggestion = this._answer?.suggestions.find((one) => one.id === card.id);
    if (suggestion) return this._deeds.insert(choiceOf(card, suggestion));
    const record = await this._client.details(card.id);
    const other = record.partner && (await this._client.details(record.partner).catch(() => null)); // its file may be gone
    const [high, low] = other && record.noise === "low" ? [other, record] : [record, other];
    const [words = []] = high.trigger_sets;
    await this._deeds.insert({ card: high.card, strength: high.suggested.model, words, partner: low ? low.card.lora : "", fingerprint: high.fingerprint });
  }

  /** @param {import("./types.mjs").Choice} choice */
  _halves(choice) {
    if (!choice.partner) return "";
    return this._host.halves ? this._host.halves(choice) : this._say("halfTag", { low: choice.partner });
  }

  /** @param {Card} card */
  async _showSimilar(card) {
    try {
      this._similar = { card, answer: await this._client.similar(card.id, this._options.top) };
      this._known.learn(this._similar.answer.cards);
    } catch (error) {
      this._complain(/** @type {Error} */ (error));
    }
    this._draw();
  }

  _leaveSimilar() {
    this._similar = null;
    this._draw();
  }

  /** @param {boolean} on */
  _setAuto(on) {
    this._options.auto = on;
    if (on) void this.refresh();
    else this._typed.cancel();
    this._draw();
  }

  // -- what is shown -------------------------------------------------------------------------------------------------

  _drawOptions() {
    const { form } = this._frame;
    if (form.hidden) return;
    const changed = (/** @type {string} */ name) => {
      if (name === "top") void this.refresh();
      else if (name !== "pause") this._remount();
    };
    fill(form, ...optionsForm(this._options, this._say, this._server.history, changed, (on) => this._try(this._server.remember(on))));
  }

  _draw() {
    if (this._closed) return;
    const { prompt } = this._host.getPrompt();
    const { index, encoder, history, byWords } = this._server;
    const phase = phaseOf({ prompt, auto: this._options.auto, error: this._error, index, answer: prompt.trim() ? this._answer : null });
    this._frame.root.dataset.phase = this._similar ? "similar" : phase;
    const answer = this._similar?.answer ?? (["ready", "nothing"].includes(phase) ? this._answer : null);
    const used = this._used();
    const wanted = (answer?.suggestions ?? [])
      .filter((one) => !this._deeds.dismissed.has(one.id) && (this._similar || !answer?.cards[one.id].hidden))
      .filter((one) => this._options.cover !== "exclude" || !covered(/** @type {Answer} */ (answer).cards[one.id].safety, this._options.blur))
      .map((suggestion) => ({ card: /** @type {Answer} */ (answer).cards[suggestion.id], suggestion }));
    this._drawMessage(phase, wanted.length);
    this._list.show(wanted, ({ id, partner }) => inUseOf(used, id, partner) ?? null);
    const sure = this._answer !== null && this._asked === JSON.stringify(this._ask());
    drawUsed(this._frame.uses, this._say, used, sure, (name, card) => void this._deeds.remove(name, card));
    this._encoder.show(encoder, byWords);
    drawHints(this._frame.hints, {
      say: this._say,
      index,
      notes: answer?.notes ?? [],
      lacking: Boolean(encoder?.missing.length),
      history,
      remember: () => this._try(this._server.remember(true)),
    });
  }

  _used() {
    return this._known.used(this._host.active(), this._answer);
  }

  /** @param {import("./state.mjs").Phase} phase @param {number} count of suggestions */
  _drawMessage(phase, count) {
    const say = this._say;
    const { back, summary, message } = this._frame;
    back.hidden = !this._similar;
    const said = { ready: say("found", { count }), nothing: say("nothing") };
    const line = this._similar ? say("similarTo", { name: this._similar.card.name }) : (said[/** @type {keyof typeof said} */ (phase)] ?? "");
    if (summary.textContent !== line) fill(summary, line);
    message.hidden = Boolean(this._similar) || phase === "ready" || phase === "nothing";
    if (message.hidden || phase === "ready" || phase === "nothing") {
      if (changed(message)) fill(message);
      return;
    }
    drawMessage(message, phase, {
      say,
      index: this._server.index,
      error: this._error,
      refresh: () => void this.refresh(),
      again: () => {
        this._error = null;
        void this._lookAround(true);
      },
      start: () => void this._server.startIndex().catch((error) => this._failed(error)),
      stop: () => this._try(this._server.stopIndex()),
    });
  }

  /** @param {Promise<unknown>} doing something whose failure is said and ends nothing */
  _try(doing) {
    doing.catch((error) => this._complain(error));
  }

  /** @param {Error} error */
  _complain(error) {
    this._announce(sentence(error, this._say));
  }

  /** @param {string} text @param {() => void=} undo what takes it back */
  _announce(text, undo) {
    const { status, undo: button } = this._frame;
    if (document.activeElement === button) status.focus({ preventScroll: true });
    fill(status, text);
    status.title = text; // a narrow panel cuts it short
    button.hidden = !undo;
    button.onclick = undo ?? null;
  }
}

/** @param {Card} card @param {import("./types.mjs").Suggestion} suggestion @returns {import("./types.mjs").Choice} as it is suggested */
function choiceOf(card, { strength, trigger_words: words, partner, fingerprint }) {
  return { card, strength: strength.model, words, partner, fingerprint };
}

/** @param {import("./in_use.mjs").Used[]} used @param {string} id @param {string} partner where only that half is in use, it is found too */
function inUseOf(used, id, partner) {
  return used.find((one) => one.id === id) ?? (partner ? used.find((one) => isCalled(partner, one.name)) : undefined);
}
