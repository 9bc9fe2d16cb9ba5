/** What the user does with LoRAs: done at the host, told to the server, said in the status line. */

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./card.mjs").CardView} CardView */
/** @typedef {import("./types.mjs").InUse} InUse */

export class Deeds {
  /**
   * @param {object} around
   * @param {import("./client.mjs").Client} around.client @param {import("./types.mjs").Host} around.host
   * @param {import("./texts.mjs").Say} around.say
   * @param {() => number | null} around.impression number of the answer on screen, once it was seen
   * @param {(text: string) => void} around.announce @param {(error: Error) => void} around.complain
   * @param {(id: string, change: Partial<Card>) => void} around.change a card, wherever it is shown
   * @param {() => void} around.done draw anew
   */
  constructor(around) {
    this._around = around;
    /** @type {Set<string>} ids, for the prompt in hand */
    this.dismissed = new Set();
  }

  /** @param {Card} card @param {number} strength @param {string[]} words */
  async insert(card, strength, words) {
    const { host, announce, say, done } = this._around;
    await host.insert({ card, strength, words });
    announce(say("insertedNow", { name: card.name }));
    done();
    await this._tell("insert", card, { strength });
  }

  /** @param {string} name @param {Card | null} card */
  async remove(name, card) {
    const { host, announce, say, done } = this._around;
    await host.remove(name, card);
    announce(say("removedNow", { name: card?.name ?? name }));
    done();
    if (card) await this._tell("remove", card);
  }

  /** @param {CardView} view of a LoRA in use @param {number} before */
  async strength(view, before) {
    if (!view.inUse) return;
    void this._around.host.setStrength?.(view.inUse.name, view.strength);
    await this._tell("strength", view.card, { strength: view.strength, before });
  }

  /** @param {Card} card */
  async like(card) {
    const liked = card.opinion > 0;
    if (await this._judge(card, liked ? "neutral" : "like", { opinion: liked ? 0 : 1 })) this._say(liked ? null : "likedNow", card);
  }

  /** @param {Card} card */
  async hide(card) {
    const { hidden } = card;
    if (await this._judge(card, hidden ? "show" : "hide", { hidden: !hidden })) this._say(hidden ? null : "hiddenNow", card);
  }

  /** @param {CardView} view */
  async dismiss(view) {
    const { host, done } = this._around;
    if (!host.getPrompt().prompt.trim() || !(await this._tell("dismiss", view.card))) return;
    this.dismissed.add(view.card.id);
    view.element.classList.add("lr-gone");
    this._say("dismissedNow", view.card);
    done();
  }

  /** @param {Card} card @param {string} kind @param {Partial<Card>} change */
  async _judge(card, kind, change) {
    if (!(await this._tell(kind, card))) return false;
    Object.assign(card, change);
    this._around.change(card.id, change);
    this._around.done();
    return true;
  }

  /** @param {"likedNow" | "hiddenNow" | "dismissedNow" | null} text @param {Card} card */
  _say(text, card) {
    if (text) this._around.announce(this._around.say(text, { name: card.name }));
  }

  /** @param {string} kind @param {Card} card @param {object} more */
  async _tell(kind, card, more = {}) {
    const { client, host, impression, complain } = this._around;
    try {
      await client.did({ kind, lora: card.id, prompt: host.getPrompt().prompt, impression: impression(), ...more });
      return true;
    } catch (error) {
      complain(/** @type {Error} */ (error));
      return false;
    }
  }
}
