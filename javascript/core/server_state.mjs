/** What the panel knows of its server beside answers: the index, the history, the encoder. */

import { working } from "./state.mjs";

const WATCH = 700; // milliseconds between two looks at long work

export class ServerState {
  /**
   * @param {import("./client.mjs").Client} client
   * @param {object} on
   * @param {() => void} on.change something is known anew
   * @param {() => void} on.news the index has another content than before
   */
  constructor(client, on) {
    this._client = client;
    this._on = on;
    /** @type {import("./types.mjs").Index | null} */
    this.index = null;
    /** @type {Error | null} why the latest look at the index failed */
    this.error = null;
    /** @type {{enabled: boolean} | null} */
    this.history = null;
    /** @type {import("./types.mjs").Encoder | null} */
    this.encoder = null;
    this.byWords = false; // whether no encoder is in use
    this._closed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._watching = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._fetching = undefined;
  }

  close() {
    this._closed = true;
    clearTimeout(this._watching);
    clearTimeout(this._fetching);
  }

  /** Look at everything. */
  async learn() {
    await this.watch();
    try {
      const [history, statistics] = await Promise.all([this._client.history(), this._client.statistics()]);
      this.history = history;
      this.byWords = !statistics.encoders.length;
      await this._watchEncoder();
    } catch {
      // Without these the panel lacks two hints; what matters is said by the question itself.
    }
    if (!this._closed) this._on.change();
  }

  /** Look at the index, and again while it is being built. */
  async watch() {
    clearTimeout(this._watching);
    const before = this.index;
    try {
      this.index = await this._client.index();
      this.error = null;
    } catch (error) {
      this.error = /** @type {Error} */ (error);
    }
    if (this._closed) return;
    if (this.index && working(this.index.job)) this._watching = setTimeout(() => void this.watch(), WATCH);
    this._on.change();
    if (before && before.version !== this.index?.version) this._on.news();
  }

  /** Look at the encoder, and again while it is being fetched; when it is there, at everything. */
  async _watchEncoder() {
    clearTimeout(this._fetching);
    const before = working(this.encoder?.job);
    this.encoder = await this._client.encoder();
    if (this._closed) return;
    if (working(this.encoder.job)) this._lookLater();
    this._on.change();
    if (before && this.encoder.job.state === "done") await this.learn();
  }

  /** Look at the encoder in a while; a look that fails is made again. */
  _lookLater() {
    if (!this._closed) this._fetching = setTimeout(() => void this._watchEncoder().catch(() => this._lookLater()), WATCH);
  }

  /** @param {boolean} on */
  async remember(on) {
    try {
      this.history = await this._client.setHistory(on);
    } finally {
      this._on.change(); // also where it failed: what was clicked must not look as if it had been done
    }
  }

  async startIndex() {
    await this._client.start("index");
    await this.watch();
  }

  async stopIndex() {
    await this._client.cancel("index");
    await this.watch();
  }

  async fetchEncoder() {
    await this._client.start("encoder");
    await this._watchEncoder();
  }

  async stopEncoder() {
    await this._client.cancel("encoder");
    await this._watchEncoder();
  }

  /** Where to fetch the encoder from. @param {"mirror" | "proxy"} name @param {string} value */
  async setAddress(name, value) {
    await this._client.setSettings({ [name]: value || null });
    await this._watchEncoder();
  }
}
