/** The question in hand: what was asked last, whether its answer is awaited, and what came of it. */

import { ApiError, isOutdated } from "./client.mjs";

/** @typedef {import("./types.mjs").Answer} Answer */

export class Question {
  /** @param {Pick<import("./client.mjs").Client, "suggest" | "drop">} client */
  constructor(client) {
    this._client = client;
    /**
     * "none": there is nothing to ask about, or it was given up; "unindexed": the server has nothing to answer from
     * @type {"none" | "asked" | "answered" | "failed" | "unindexed"}
     */
    this.state = "none";
    /** @type {Answer | null} the latest, also while a newer one is awaited */
    this.answer = null;
    /** @type {Error | null} why the latest failed; until another is answered */
    this.error = null;
    this.prompt = ""; // that the answer is for
    this._asked = "";
    this._answered = "";
    this._number = 0;
  }

  /** @param {object} ask @returns {boolean} whether this was asked last */
  isAbout(ask) {
    return JSON.stringify(ask) === this._asked;
  }

  /** @param {object} ask @returns {boolean} whether the answer is for this */
  answers(ask) {
    return this.answer !== null && JSON.stringify(ask) === this._answered;
  }

  /**
   * Ask; the newest wins. The state is "asked" at once.
   * @param {{prompt: string}} ask @param {number} top how many suggestions
   * @returns {Promise<boolean>} whether it led to another answer, or to none since the prompt is empty; never throws
   */
  async put(ask, top) {
    const number = (this._number += 1);
    this._asked = JSON.stringify(ask);
    if (!ask.prompt.trim()) {
      this._client.drop();
      return this._settle("none", null, ask);
    }
    this.state = "asked";
    try {
      const answer = await this._client.suggest({ ...ask, top });
      return number === this._number && this._settle("answered", answer, ask);
    } catch (error) {
      if (number === this._number) this._fail(/** @type {Error} */ (error));
      return false;
    }
  }

  /** @param {"none" | "answered"} state @param {Answer | null} answer @param {{prompt: string}} ask */
  _settle(state, answer, ask) {
    Object.assign(this, { state, answer, prompt: ask.prompt, error: null });
    this._answered = JSON.stringify(ask);
    return true;
  }

  /** @param {Error} error of the newest */
  _fail(error) {
    if (isOutdated(error)) {
      // Another panel of this client asked meanwhile: this one may ask again.
      this.state = this.answer ? "answered" : "none";
      this._asked = "";
    } else if (error instanceof ApiError && error.code === "not_indexed") {
      this.state = "unindexed";
      this.error = null;
    } else {
      this.state = "failed";
      this.error = error;
    }
  }
}
