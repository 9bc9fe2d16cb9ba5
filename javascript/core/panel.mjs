/**
 * The panel: suggestions for the prompt in hand, beside it. `mount` puts it into an element; the host around it stands
 * behind the small port `Host` of types.mjs, and the API behind `Client`.
 */

import { choiceOf, plainChoice } from "./choice.mjs";
import { Deeds } from "./deeds.mjs";
import { fill } from "./dom.mjs";
import { Drawer } from "./drawer.mjs";
import { EncoderBox } from "./encoder.mjs";
import { frame } from "./frame.mjs";
import { drawUsed, inUseOf, Known } from "./in_use.mjs";
import { CardList } from "./list.mjs";
import { drawHints, drawMessage, sentence, summaryOf } from "./messages.mjs";
import { Options, optionsForm } from "./options.mjs";
import { Question } from "./question.mjs";
import { ServerState } from "./server_state.mjs";
import { shelf } from "./shelf.mjs";
import { sceneOf } from "./state.mjs";
import { languageOf, speaker } from "./texts.mjs";
import { debounced } from "./timing.mjs";
import { whyBox } from "./why.mjs";

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
  const panel = new Panel(element, around);
  return { refresh: () => panel.refresh(), destroy: () => panel.destroy() };
}

/** What it shows follows from its question, its server, its options and `_similar`: `_draw` after each change of one of them. */
class Panel {
  /** @param {HTMLElement} element where it goes @param {{client: Client, host: Host}} around */
  constructor(element, { client, host }) {
    this._client = client;
    this._host = host;
    this._options = new Options(host.preferences);
    this._question = new Question(client);
    this._server = new ServerState(client, { change: () => this._draw(), news: () => void (this._options.auto && this.refresh()) });
    /** @type {import("./state.mjs").Similar | null} */
    this._similar = null;
    this._known = new Known();
    this._closed = false;

    this._typed = debounced(() => void this.refresh(), () => this._options.pause);
    this._read = debounced(() => this._seen(), () => DWELL);
    this._deeds = new Deeds({
      client,
      host,
      say: (name, values) => this._view.say(name, values),
      used: (id, partner) => inUseOf(this._used(), id, partner)?.name,
      halves: (choice) => this._halves(choice),
      announce: (text, undo) => this._announce(text, undo),
      complain: (error) => this._complain(error),
      change: (id, change) => this._change(id, change),
      done: () => this._draw(),
    });
    this._view = this._makeView(false);
    element.append(this._view.frame.root);
    this._unlisten = host.onPromptChange(() => this._changed());
    this._draw();
    void this._lookAround(false);
  }

  destroy() {
    this._closed = true;
    this._unlisten();
    this._typed.cancel();
    this._read.cancel();
    this._server.close();
    this._client.drop();
    this._view.frame.root.remove();
    this._view.end();
  }

  /** Look at the server, then ask. @param {boolean} anyway whether the user wants it, auto or not */
  async _lookAround(anyway) {
    await this._server.learn();
    if (!this._closed && (anyway || this._options.auto)) await this.refresh();
  }

  /** Ask for suggestions now. */
  async refresh() {
    this._typed.cancel();
    const question = this._question;
    const asking = question.put(this._ask(), this._options.top);
    this._draw();
    const news = await asking;
    if (this._closed) return;
    if (news) this._answered();
    this._draw();
    const { answer, state } = question;
    if (state === "unindexed" || (news && answer && answer.version !== this._server.index?.version)) await this._server.watch();
  }

  // -- question and answer -------------------------------------------------------------------------------------------

  _ask() {
    const { prompt, negative } = this._host.getPrompt();
    const active = this._host.active().slice(0, 100);
    return { prompt, negative, active, base_model: this._host.baseModel() || null, safety: this._options.safety };
  }

  /** Another answer is there. */
  _answered() {
    const { answer, prompt } = this._question;
    this._known.learn(answer?.cards ?? {});
    this._deeds.unseen(prompt);
    if (answer?.suggestions.length && !this._similar) this._read.call();
    else this._read.cancel();
  }

  /** The answer was on screen for a while. */
  _seen() {
    const { answer, prompt } = this._question;
    if (answer && !this._similar) void this._deeds.see(answer, prompt);
  }

  /** Something that is asked about may have changed. */
  _changed() {
    const ask = this._ask();
    if (!this._question.isAbout(ask)) {
      if (!ask.prompt.trim()) void this.refresh();
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
      details: (view) => void this._view.drawer.open(view.card),
      preview: (id) => this._client.preview(id, 192),
      video: (id) => this._client.video(id),
    };
  }

  /** @param {string} id @param {Partial<Card>} change to its card, wherever it is shown */
  _change(id, change) {
    this._view.list.change(id, change);
    for (const answer of [this._question.answer, this._similar?.answer]) {
      if (answer?.cards[id]) Object.assign(answer.cards[id], change);
    }
    void this._view.shelf.look();
  }

  /** @param {Card} card of a LoRA that may not be suggested now */
  async _insertPlain(card) {
    const suggestion = this._question.answer?.suggestions.find((one) => one.id === card.id);
    await this._deeds.insert(suggestion ? choiceOf(card, suggestion) : await plainChoice(this._client, card));
  }

  /** @param {import("./types.mjs").Choice} choice @returns {string} what its user must know of a pair's halves; "": nothing */
  _halves(choice) {
    if (!choice.partner) return "";
    return this._host.halves ? this._host.halves(choice) : this._view.say("halfTag", { low: choice.partner });
  }

  /** @param {Card} card */
  async _showSimilar(card) {
    try {
      this._similar = { card, answer: await this._client.similar(card.id, this._options.top) };
      this._known.learn(this._similar.answer.cards);
    } catch (error) {
      return this._complain(/** @type {Error} */ (error));
    }
    const { list, frame: around } = this._view;
    list.clear();
    this._draw();
    around.back.focus({ preventScroll: true }); // the button that was pressed went with its card
  }

  _leaveSimilar() {
    this._similar = null;
    this._view.list.clear();
    this._draw();
  }

  /** @param {boolean} on */
  _setAuto(on) {
    this._options.auto = on;
    if (on) void this.refresh();
    else this._typed.cancel();
    this._draw();
  }

  /** @param {import("./options.mjs").Field} name of an option that was set */
  _setOption(name) {
    if (name === "language") {
      this._speak();
      void this._lookAround(this._question.answer !== null); // the server's sentences change with it
    }
    else if (name === "top") void this.refresh();
    else if (name !== "pause") this._changed();
  }

  // -- what is shown -------------------------------------------------------------------------------------------------

  /** All that is made in one language. @param {boolean} open whether the options are shown */
  _makeView(open) {
    const { _client: client, _host: host, _deeds: deeds, _server: server, _options: options } = this;
    const language = languageOf(options.language || host.language || globalThis.navigator?.language);
    const say = speaker(language, host.strings?.[language]);
    client.language = language;
    host.spoken?.(language);
    const details = (/** @type {Card} */ card) => void drawer.open(card);
    const unhide = (/** @type {Card} */ card) => deeds.hide(card);
    const drawer = new Drawer({ client, say, level: () => options.blur });
    const list = new CardList({
      say,
      actions: this._actions(),
      previews: () => ({ level: options.blur, omit: options.cover !== "blur" }),
      adjustable: Boolean(host.setStrength),
      tags: host.tags,
      halves: (choice) => this._halves(choice),
    });
    const encoder = new EncoderBox(say, {
      fetch: () => this._try(server.fetchEncoder()),
      stop: () => this._try(server.stopEncoder()),
      address: (name, value) => server.setAddress(name, value),
    });
    const favourites = shelf({
      client,
      say,
      sentence: (error) => sentence(error, say),
      insert: (card) => this._try(this._insertPlain(card)),
      details,
      unlike: (card) => deeds.like(card),
      unhide,
    });
    const why = whyBox({
      client,
      say,
      now: () => ({ prompt: host.getPrompt().prompt, ask: this._ask(), answer: this._question.answer }),
      insert: (card, suggestion) => void deeds.insert(choiceOf(card, suggestion)),
      details,
      unhide,
    });
    const form = optionsForm(options, say, (name) => this._setOption(name), (on) => this._try(server.remember(on)));
    const parts = { list: list.element, why: why.element, shelf: favourites.element, encoder: encoder.element, drawer: drawer.element, form: form.element };
    const around = frame(say, language, options.auto, open, parts, {
      auto: (on) => this._setAuto(on),
      refresh: () => void this.refresh(),
      back: () => this._leaveSimilar(),
      options: () => this._draw(),
    });
    const end = () => {
      why.cancel();
      list.destroy();
    };
    return { say, drawer, list, encoder, shelf: favourites, form, frame: around, end };
  }

  /** Say it all in the language that was chosen. What is shown stays, and so does the focus in the options. */
  _speak() {
    const { frame: before, end } = this._view;
    this._view = this._makeView(!before.form.hidden);
    const { frame: after, form } = this._view;
    before.root.replaceWith(after.root);
    end();
    this._announce(before.status.textContent ?? "", before.undo.onclick ?? undefined);
    this._draw();
    /** @type {HTMLElement | null} */ (form.element.querySelector("[name=language]"))?.focus({ preventScroll: true });
  }

  _draw() {
    if (this._closed) return;
    const { say, frame: around, list, encoder, form } = this._view;
    const { _question: question, _server: server, _similar: similar, _options: options } = this;
    const { prompt } = this._host.getPrompt();
    const scene = sceneOf({ prompt, question, server, options, similar, dismissed: this._deeds.dismissed });
    const used = this._used();
    around.root.dataset.phase = scene.phase;
    if (question.state === "asked") around.root.setAttribute("aria-busy", "true");
    else around.root.removeAttribute("aria-busy");
    around.back.hidden = !similar;
    const summary = summaryOf(say, scene, similar);
    if (around.summary.textContent !== summary) fill(around.summary, summary);
    drawMessage(around.message, scene.phase, {
      say,
      index: server.index,
      error: scene.error,
      refresh: () => void this.refresh(),
      again: () => void this._lookAround(true),
      start: () => this._try(server.startIndex()),
      stop: () => this._try(server.stopIndex()),
    });
    list.show(scene.entries, ({ id, partner }) => inUseOf(used, id, partner) ?? null);
    drawUsed(around.uses, say, used, question.answers(this._ask()), (name, card) => void this._deeds.remove(name, card));
    encoder.show(server.encoder, server.byWords);
    if (!form.element.hidden) form.show(server.history);
    drawHints(around.hints, {
      say,
      index: server.index,
      notes: scene.answer?.notes ?? [],
      lacking: Boolean(server.encoder?.missing.length),
      history: server.history,
      remember: () => this._try(server.remember(true)),
    });
  }

  _used() {
    return this._known.used(this._host.active(), this._question.answer);
  }

  /** @param {Promise<unknown>} doing something whose failure is said and ends nothing */
  _try(doing) {
    doing.catch((error) => this._complain(error));
  }

  /** @param {Error} error */
  _complain(error) {
    this._announce(sentence(error, this._view.say));
  }

  /** @param {string} text @param {(() => void)=} undo what takes it back */
  _announce(text, undo) {
    const { status, undo: button } = this._view.frame;
    if (document.activeElement === button) status.focus({ preventScroll: true });
    fill(status, text);
    status.title = text; // a narrow panel cuts it short
    button.hidden = !undo;
    button.onclick = undo ?? null;
  }
}
