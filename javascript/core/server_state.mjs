/** What the panel knows of its server beside answers: the index, the history, the encoder. */

import { working } from "./state.mjs";

const WATCH = 700; // milliseconds between two looks at an index that is being built
const ENCODER_JOBS = ["encoder", "models"]; // names under which a server may offer to fetch one

export class ServerState {
  /**
   * @param {import("./client.mjs").Client} client
   * @param {object} on
   * @param {() => void} on.change something is known anew
   * @param {() => void} on.news the index has another content than before
   * @param {(error: Error) => void} on.error the server cannot be asked
   */
  constructor(client, on) {
    this._client = client;
    this._on = on;
    /** @type {import("./types.mjs").Index | null} */
    this.index = null;
    /** @type {{enabled: boolean} | null} */
    this.history = null;
    /** @type {{encoders: boolean, job: string} | null} */
    this.encoder = null;
    this._closed = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._watching = undefined;
  }

  close() {
    this._closed = true;
    clearTimeout(this._watching);
  }

  /** Look at everything. */
  async learn() {
    await this.watch();
    try {
      const [history, statistics, { jobs }] = await Promise.all([this._client.history(), this._client.statistics(), this._client.jobs()]);
      this.history = history;
      const job = jobs.find((one) => ENCODER_JOBS.includes(one.job));
      this.encoder = { encoders: statistics.encoders.length > 0, job: job?.job ?? "" };
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
    } catch (error) {
      this._on.error(/** @type {Error} */ (error));
    }
    if (this._closed) return;
    if (this.index && working(this.index)) this._watching = setTimeout(() => void this.watch(), WATCH);
    this._on.change();
    if (before && before.version !== this.index?.version) this._on.news();
  }

  /** @param {boolean} on */
  async remember(on) {
    this.history = await this._client.setHistory(on);
    this._on.change();
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
    await this._client.start(this.encoder?.job ?? "");
    await this.watch();
  }
}
