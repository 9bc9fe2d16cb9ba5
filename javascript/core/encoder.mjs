/** What to do where the encoder is missing: fetch it, after its size was told, from a mirror or through a proxy if need be. */

import { changed, fill, make } from "./dom.mjs";
import { working } from "./state.mjs";

/** @typedef {import("./types.mjs").Encoder} Encoder */

export class EncoderBox {
  /**
   * @param {import("./texts.mjs").Say} say
   * @param {object} on
   * @param {() => void} on.fetch @param {() => void} on.stop
   * @param {(name: "mirror" | "proxy", value: string) => Promise<void>} on.address
   */
  constructor(say, on) {
    this._say = say;
    this._text = make("p.lr-hint");
    this._fetch = make("button.lr-primary", { type: "button", title: say("fetchHelp"), onclick: on.fetch });
    this._bar = make("progress.lr-progress", { "aria-label": say("fetching") });
    this._far = make("span.lr-muted");
    this._progress = make("div.lr-encoder-row", {}, this._bar, this._far, make("button.lr-small", { type: "button", onclick: on.stop }, say("cancel")));
    this._fault = make("p.lr-alert", { role: "alert" });
    this._fields = { mirror: this._field("mirror", "https://hf-mirror.com", on), proxy: this._field("proxy", "http://127.0.0.1:7890", on) };
    this._addresses = make("details", {}, make("summary", {}, say("addresses")), this._fields.mirror.row, this._fields.proxy.row);
    /** @type {HTMLElement} */
    this.element = make("section.lr-encoder", { "aria-label": say("encoder"), hidden: true }, this._text, this._fetch, this._progress, this._fault, this._addresses);
  }

  /** @param {Encoder | null} state null: not known @param {boolean} byWords whether there is no encoder at all */
  show(state, byWords) {
    const say = this._say;
    if (!changed(this.element, state, byWords)) return;
    this.element.hidden = !state?.missing.length;
    if (!state || this.element.hidden) return;
    const { job, size, fetchable } = state;
    const busy = working(job);
    fill(this._text, say(byWords ? "noEncoder" : "lessEncoders"), fetchable ? "" : ` ${say("noEncoderFolder")}`);
    this._fetch.hidden = busy || !fetchable;
    fill(this._fetch, size === null ? say("fetchEncoder") : say("fetchEncoderOf", { size: megabytes(size) }));
    this._progress.hidden = !busy;
    const { done = 0, total = null, seconds_left: left = null } = job.progress ?? {};
    if (total) Object.assign(this._bar, { max: total, value: done });
    else this._bar.removeAttribute("value");
    const far = total ? say("fetched", { done: megabytes(done), total: megabytes(total) }) : say("fetching");
    fill(this._far, left ? say("withTime", { far, seconds: Math.ceil(left) }) : far);
    this._fault.hidden = job.state !== "failed";
    if (this._fault.textContent !== job.error) fill(this._fault, job.error);
    this._addresses.hidden = busy || !fetchable || state.mirror === null;
    if (job.state === "failed") this._addresses.open = true;
    for (const name of /** @type {const} */ (["mirror", "proxy"])) {
      const { input } = this._fields[name];
      if (document.activeElement !== input) input.value = state[name] ?? "";
    }
  }

  /** @param {"mirror" | "proxy"} name @param {string} example @param {{address: (name: "mirror" | "proxy", value: string) => Promise<void>}} on */
  _field(name, example, on) {
    const input = make("input.lr-input", { type: "url", placeholder: example, autocomplete: "off", spellcheck: "false" });
    const fault = make("span.lr-alert", { role: "alert" });
    input.addEventListener("change", () => on.address(name, input.value.trim()).then(() => fill(fault), (error) => fill(fault, error.message)));
    return { input, row: make("label.lr-option", {}, make("span", {}, this._say(name)), input, fault) };
  }
}

/** @param {number} bytes @returns {string} */
function megabytes(bytes) {
  const size = bytes / 1e6;
  return size < 10 ? size.toFixed(1) : String(Math.round(size));
}
