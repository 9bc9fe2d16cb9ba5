/** What the user does with LoRAs: done at the host, told to the server, said in the status line. */

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./card.mjs").CardView} CardView */
/** @typedef {import("./types.mjs").InUse} InUse */

export class Deeds {
  /**
   * @param {object} around
   * @param {import("./client.mjs").Client} around.client @param {import("./types.mjs").Host} around.host
   * @param {import("./texts.mjs").Say} around.say
   * @param {(id: string, partner: string) => string | undefined} around.used what a LoRA in use is called
   * @param {(choice: import("./types.mjs").Choice) => string} around.halves what its user must know of a pair's halves; "": nothing
   * @param {(text: string, undo?: () => void) => void} around.announce @param {(error: Error) => void} around.complain
   * @param {(id: string, change: Partial<Card>) => void} around.change a card, wherever it is shown
   * @param {() => void} around.done draw anew
   */
  constructor(around) {
    this._around = around;
    /** @type {Set<string>} ids, for the prompt in hand */
    this.dismissed = new Set();
    this._prompt = "";
    /** @type {number | null} of the answer on screen, once it was seen */
    this.impression = null;
    /** @type {import("./types.mjs").Answer | null} */
    this._seen = null;
  }

  /** @param {import("./types.mjs").Choice} choice */
  async insert(choice) {
    const { host, announce, say, done, used, halves } = this._around;
    const { card, strength, partner } = choice;
    const note = halves(choice);
    if (!(await this._done(() => host.insert(choice)))) return;
    const name = used(card.id, partner);
    announce(say(note ? "insertedHalf" : "insertedNow", { name: card.name, note }), name === undefined ? undefined : () => void this.remove(name, card, partner));
    done();
    await this._tell("insert", card, { strength });
  }

  /** @param {string} name @param {Card | null} card @param {string=} partner */
  async remove(name, card, partner) {
    const { host, announce, say, done } = this._around;
    if (!(await this._done(() => host.remove(name, partner)))) return;
    announce(say("removedNow", { name: card?.name ?? name }));
    done();
    if (card) await this._tell("remove", card);
  }

  /** Whether the host did it; else its user reads why not. @param {() => void | Promise<void>} act */
  async _done(act) {
    try {
      await act();
      return true;
    } catch (error) {
      this._around.complain(/** @type {Error} */ (error));
      return false;
    }
  }

  /** @param {CardView} view of a LoRA in use @param {number} before */
  async strength(view, before) {
    const { card, inUse, strength, suggestion } = view;
    const { host, done } = this._around;
    if (!inUse || !(await this._done(() => host.setStrength?.(inUse.name, strength, suggestion.partner)))) return;
    done();
    await this._tell("strength", card, { strength, before });
  }

  /** @param {Card} card */
  async like(card) {
    const liked = card.opinion > 0;
    if (await this._judge(card, liked ? "neutral" : "like", { opinion: liked ? 0 : 1 })) this._say(liked ? "unlikedNow" : "likedNow", card);
  }

  /** @param {Card} card */
  async hide(card) {
    const { hidden } = card;
    if (!(await this._judge(card, hidden ? "show" : "hide", { hidden: !hidden }))) return;
    if (hidden) this._say("shownNow", card);
    else this._say("hiddenNow", card, () => void this.hide(card));
  }

  /** @param {CardView} view */
  async dismiss(view) {
    const { card, element } = view;
    const { prompt } = this._around.host.getPrompt();
    if (!prompt.trim() || !(await this._tell("dismiss", card, { prompt }))) return;
    this.dismissed.add(card.id);
    element.classList.add("lr-gone");
    const undo = async () => {
      if (!(await this._tell("undismiss", card, { prompt }))) return;
      this.dismissed.delete(card.id);
      element.classList.remove("lr-gone");
      this._say("shownNow", card);
      this._around.done();
    };
    this._say("dismissedNow", card, () => void undo());
    this._around.done();
  }

  /** Another answer is on screen, and was not seen yet. @param {string} prompt that it is for */
  unseen(prompt) {
    if (prompt !== this._prompt) this.dismissed.clear();
    this._prompt = prompt;
    this.impression = null;
    this._seen = null;
  }

  /**
   * Tell that an answer was on screen for a while; it counts as seen only then.
   * @param {import("./types.mjs").Answer} answer @param {string} prompt that it is for
   */
  async see(answer, prompt) {
    if (document.hidden) return;
    this._seen = answer;
    const shown = answer.suggestions.map(({ id, score, propensity }) => ({ id, score, propensity }));
    const active = answer.active.map((one) => one.id).filter(Boolean);
    try {
      const { number } = await this._around.client.seen({ prompt, shown, active, base_model: this._around.host.baseModel() });
      if (answer === this._seen) this.impression = number;
    } catch {
      // A lost impression is no matter for the user.
    }
  }

  /** @param {Card} card @param {string} kind @param {Partial<Card>} change */
  async _judge(card, kind, change) {
    if (!(await this._tell(kind, card))) return false;
    Object.assign(card, change);
    this._around.change(card.id, change);
    this._around.done();
    return true;
  }

  /** @param {import("./texts.mjs").TextName} text @param {Card} card @param {() => void=} undo */
  _say(text, card, undo) {
    this._around.announce(this._around.say(text, { name: card.name }), undo);
  }

  /** @param {string} kind @param {Card} card @param {object} more */
  async _tell(kind, card, more = {}) {
    const { client, host, complain } = this._around;
    try {
      await client.did({ kind, lora: card.id, prompt: host.getPrompt().prompt, impression: this.impression, ...more });
      return true;
    } catch (error) {
      complain(/** @type {Error} */ (error));
      return false;
    }
  }
}
