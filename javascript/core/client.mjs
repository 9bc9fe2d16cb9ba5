/** Asks the lorarec API; nothing else of the panel uses the network. */

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Card} Card */

const LONGEST = 20_000; // characters of a prompt that the API takes; what stands behind them says nothing new

/** @param {string} key of a field that is sent @param {any} value @returns {any} a prompt cut off where the API ends it, and not within a character */
function sent(key, value) {
  if (key !== "prompt" && key !== "negative") return value;
  return value.length > LONGEST ? value.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "") : value;
}

/** An answer that is no success, in a sentence for the user. */
export class ApiError extends Error {
  /** @param {string} message @param {string} code e.g. "unreachable" @param {number} status 0: no answer came */
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** @param {unknown} error @returns {boolean} whether it only says that a newer question came */
export function isOutdated(error) {
  return error instanceof ApiError ? error.code === "outdated" : error instanceof Error && error.name === "AbortError";
}

export class Client {
  /**
   * @param {object} options
   * @param {string=} options.base address of the API, without "/" at its end
   * @param {(path: string, init: RequestInit) => Promise<Response>=} options.fetch the host's own way to ask
   * @param {string=} options.token for a server that wants one
   */
  constructor({ base = "/lorarec/v1", fetch = (path, init) => globalThis.fetch(path, init), token = "" } = {}) {
    this.base = base;
    this.token = token;
    /** What the server's sentences are in; "": as the browser asks. */
    this.language = "";
    this._fetch = fetch;
    this._id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this._number = 0;
    /** @type {AbortController | null} */
    this._asking = null;
  }

  /**
   * Suggest for a prompt. A newer call aborts an older one, which then throws (`isOutdated`).
   * @param {object} ask @returns {Promise<Answer>}
   */
  async suggest(ask) {
    this.drop();
    const asking = new AbortController();
    this._asking = asking;
    this._number += 1;
    const body = { ...ask, client: this._id, number: this._number };
    const answer = await this._call("POST", "/suggestions", body, asking.signal);
    if (asking.signal.aborted) throw new DOMException("a newer question came", "AbortError");
    return answer;
  }

  /** Give up the question that is being answered. */
  drop() {
    this._asking?.abort();
    this._asking = null;
  }

  /** Suggest beside the live question: neither drops the other. @param {object} ask @returns {Promise<Answer>} */
  suggestWide(ask) {
    return this._call("POST", "/suggestions", ask);
  }

  /** @param {string} id @param {number} top @returns {Promise<Answer>} */
  similar(id, top) {
    return this._call("GET", `/loras/${id}/similar?top=${top}`);
  }

  /** @param {string} search @param {number} limit @returns {Promise<{loras: Card[], total: number}>} */
  search(search, limit) {
    return this.list({ search, limit: String(limit) });
  }

  /** @param {Record<string, string>} query as `GET /loras` has it @returns {Promise<{loras: Card[], total: number}>} */
  list(query) {
    return this._call("GET", `/loras?${new URLSearchParams(query)}`);
  }

  /** @param {string} id @returns {Promise<any>} everything known about a LoRA */
  details(id) {
    return this._call("GET", `/loras/${id}`);
  }

  /** @param {string} id @returns {Promise<{uses: {made: number, strength: number | null, images: number}[]}>} */
  uses(id) {
    return this._call("GET", `/loras/${id}/uses`);
  }

  /** @returns {Promise<{base_models: {name: string, count: number}[]}>} */
  facets() {
    return this._call("GET", "/facets");
  }

  /** @returns {Promise<import("./types.mjs").Index>} */
  index() {
    return this._call("GET", "/index");
  }

  /** @returns {Promise<import("./types.mjs").Encoder>} */
  encoder() {
    return this._call("GET", "/encoder");
  }

  /** @param {Record<string, unknown>} changes null: back to the default */
  setSettings(changes) {
    return this._call("PUT", "/settings", changes);
  }

  /** @param {string} name @returns {Promise<import("./types.mjs").Job>} */
  start(name) {
    return this._call("POST", `/jobs/${name}`, {});
  }

  /** @param {string} name @returns {Promise<import("./types.mjs").Job>} */
  cancel(name) {
    return this._call("POST", `/jobs/${name}/cancel`, {});
  }

  /** @returns {Promise<{enabled: boolean, recording: boolean}>} */
  history() {
    return this._call("GET", "/history");
  }

  /** @param {boolean} enabled @returns {Promise<{enabled: boolean, recording: boolean}>} */
  setHistory(enabled) {
    return this._call("PUT", "/history", { enabled });
  }

  /** @returns {Promise<{encoders: object[]}>} */
  statistics() {
    return this._call("GET", "/statistics");
  }

  /** Tell what the user did with a LoRA. @param {object} event @returns {Promise<{number: number | null}>} */
  did(event) {
    return this._call("POST", "/events", event);
  }

  /** Tell which answer the user saw. @param {object} answer @returns {Promise<{number: number | null}>} */
  seen(answer) {
    return this._call("POST", "/impressions", answer);
  }

  /**
   * Address of a LoRA's picture for an image element. Of a server with a token the picture itself is fetched; then the
   * address is a blob's, to be revoked once the image is loaded.
   * @param {string} id @param {number} size longer side in pixels
   */
  async preview(id, size) {
    const path = `${this.base}/loras/${id}/preview?size=${size}`;
    if (!this.token) return path;
    const response = await this._send(path, { headers: this._headers() });
    return URL.createObjectURL(await response.blob());
  }

  /**
   * Address of a LoRA's video for a video element; "" of a server with a token, which such an element cannot send.
   * @param {string} id
   */
  video(id) {
    return this.token ? "" : `${this.base}/loras/${id}/video`;
  }

  /** @returns {Record<string, string>} */
  _headers() {
    return { ...(this.token && { Authorization: `Bearer ${this.token}` }), ...(this.language && { "Accept-Language": this.language }) };
  }

  /** @param {string} method @param {string} path @param {object=} body @param {AbortSignal=} signal */
  async _call(method, path, body, signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", ...this._headers() };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body, sent) };
    return (await this._send(this.base + path, init)).json();
  }

  /** @param {string} path @param {RequestInit} init */
  async _send(path, init) {
    let response;
    try {
      response = await this._fetch(path, init);
    } catch (error) {
      if (isOutdated(error)) throw error;
      throw new ApiError("", "unreachable", 0);
    }
    if (response.ok) return response;
    const body = await response.json().catch(() => null);
    const fault = body?.error;
    const named = typeof fault?.message === "string" && fault.message;
    throw new ApiError(named || `HTTP ${response.status}`, fault?.code ?? "http", response.status);
  }
}
