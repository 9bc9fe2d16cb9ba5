/** What the panel should show: decisions without a document, so that they can be tested. */

/** @typedef {import("./types.mjs").Answer} Answer */
/** @typedef {import("./types.mjs").Index} Index */
/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Suggestion} Suggestion */
/** @typedef {import("./types.mjs").Safety} Safety */

const LEAST = 0.001; // a lower share is no fit, whatever the least is set to

/** @type {Safety[]} */
export const LEVELS = ["safe", "suggestive", "mature", "explicit"];

/**
 * @typedef {"error" | "indexing" | "unindexed" | "empty" | "paused" | "waiting" | "nothing" | "none" | "ready"} Phase
 */

/**
 * The one state that the panel is in.
 * @param {object} view
 * @param {string} view.prompt
 * @param {boolean} view.auto whether suggestions come by themselves
 * @param {Error | null} view.error of the latest question
 * @param {Index | null} view.index
 * @param {Answer | null} view.answer the latest
 * @returns {Phase}
 */
export function phaseOf({ prompt, auto, error, index, answer }) {
  if (error) return "error";
  if (index && (index.stage === "empty" || !index.loras)) return working(index.job) ? "indexing" : "unindexed";
  if (!prompt.trim()) return "empty";
  if (!answer) return auto ? "waiting" : "paused";
  if (!answer.suggestions.length) return "none";
  return answer.abstained ? "nothing" : "ready";
}

/** @typedef {{card: Card, answer: Answer}} Similar what is like one LoRA, looked at instead of the suggestions */

/**
 * All that follows from the state of the panel's parts.
 * @param {object} now
 * @param {string} now.prompt
 * @param {Pick<import("./question.mjs").Question, "answer" | "error">} now.question
 * @param {{index: Index | null, error: Error | null}} now.server
 * @param {{auto: boolean, blur: string, cover: string}} now.options
 * @param {Similar | null} now.similar
 * @param {Set<string>} now.dismissed ids
 * @returns {{phase: Phase | "similar", error: Error | null, answer: Answer | null,
 *   entries: {card: Card, suggestion: Suggestion, fits: boolean}[], count: number, least: number}} `entries` are the cards of
 *   `answer` to show. The first `count` of them reach the least fit; the others only fill the number that was asked for
 */
export function sceneOf({ prompt, question, server, options, similar, dismissed }) {
  // What is on screen stays when the index cannot be looked at: the next question will tell.
  const error = question.error ?? (question.answer ? null : server.error);
  const own = phaseOf({ prompt, auto: options.auto, error, index: server.index, answer: prompt.trim() ? question.answer : null });
  const phase = similar ? "similar" : own;
  const answer = similar?.answer ?? (["ready", "nothing"].includes(phase) ? question.answer : null);
  const cards = answer?.cards ?? {};
  const least = Math.max(answer?.least ?? 0, LEAST);
  const entries = (answer?.suggestions ?? [])
    .map((suggestion) => ({ card: cards[suggestion.id], suggestion, fits: Boolean(similar) || suggestion.score >= least }))
    .filter(({ card }) => !dismissed.has(card.id) && (similar || !card.hidden))
    .filter(({ card }) => options.cover !== "exclude" || !covered(card.safety, options.blur))
    .sort((one, other) => Number(other.fits) - Number(one.fits)); // what is tried out may stand behind what hardly fits
  return { phase, error, answer, entries, count: entries.filter(({ fits }) => fits).length, least };
}

/** @param {import("./types.mjs").Job | null | undefined} job @returns {boolean} whether it goes on or is about to */
export function working(job) {
  return job?.state === "running" || job?.state === "waiting";
}

/**
 * The order to show, such that what the user points at or has the focus in stays where it is.
 * @param {string[]} shown ids as they stand
 * @param {string[]} wanted ids in their new order
 * @param {string | null} held the one that must not move
 * @returns {string[]}
 */
export function arrange(shown, wanted, held) {
  const at = held === null ? -1 : shown.indexOf(held);
  if (held === null || at < 0) return wanted;
  const rest = wanted.filter((id) => id !== held);
  // Too few to fill the places above it: what stood there stays until the user leaves.
  const fill = shown.slice(0, at).filter((id) => !rest.includes(id));
  const above = [...rest.slice(0, at), ...fill].slice(0, at);
  return [...above, held, ...rest.slice(at)].slice(0, Math.max(wanted.length, at + 1));
}

/**
 * Those that need not be moved when a list is put into another order: as many as possible, and always the held one.
 * @param {string[]} shown as they stand @param {string[]} order that is wanted, of these and others
 * @param {string | null} held one of both
 * @returns {Set<string>}
 */
export function staying(shown, order, held) {
  const places = new Map(shown.map((id, k) => [id, k]));
  const place = (/** @type {string} */ id) => /** @type {number} */ (places.get(id));
  const turn = held === null ? -1 : order.indexOf(held);
  const known = order.filter((id, k) => places.has(id) && (turn < 0 || Math.sign(place(id) - place(order[turn])) === Math.sign(k - turn)));
  // The longest run of rising places, by patience sorting: `ends` holds the lowest end of a run of each length.
  /** @type {string[]} */
  const ends = [];
  /** @type {Map<string, string | undefined>} */
  const before = new Map();
  for (const id of known) {
    let length = 0;
    let most = ends.length;
    while (length < most) {
      const middle = (length + most) >> 1;
      if (place(ends[middle]) < place(id)) length = middle + 1;
      else most = middle;
    }
    before.set(id, ends[length - 1]);
    ends[length] = id;
  }
  /** @type {Set<string>} */
  const found = new Set();
  for (let id = ends.at(-1); id !== undefined; id = before.get(id)) found.add(id);
  return found;
}

/**
 * Whether a preview is covered until the user wants to see it. Unknown levels are shown.
 * @param {Safety | null} safety @param {string} level the most explicit one to show
 */
export function covered(safety, level) {
  const most = LEVELS.indexOf(/** @type {Safety} */ (level));
  return safety !== null && most >= 0 && LEVELS.indexOf(safety) > most;
}

/**
 * Ends of a strength slider: wide enough for the suggestion's range and for what people use.
 * @param {import("./types.mjs").Strength} strength
 */
export function sliderEnds({ model, low, high }) {
  const least = Math.min(0, model, low);
  return { min: Math.floor(least * 2) / 2, max: Math.ceil(Math.max(1.5, model, high) * 2) / 2 };
}

/**
 * A share as people read it; cut off, not rounded: what does not reach the least fit must not look as if it did.
 * @param {number} score 0..1
 */
export function percent(score) {
  if (score > 0 && score < LEAST) return "<0.1%";
  const parts = score < 0.1 ? 10 : 1; // small ones with a decimal
  return `${Math.floor(score * 100 * parts + 1e-9) / parts}%`;
}

/**
 * Why a LoRA did not come up.
 * @param {Card} card
 * @param {Answer | null} answer what was shown
 * @param {Answer} wide the same question with everything let through
 * @returns {{why: string, place: number, of: number, score: number, least: number, suggestion: Suggestion | null}}
 *   `why` names a text; `place` counts from 1, 0: not ranked
 */
export function whyNot(card, answer, wide) {
  const at = wide.suggestions.findIndex((one) => one.id === card.id);
  const suggestion = at < 0 ? null : wide.suggestions[at];
  const shown = answer?.suggestions ?? [];
  const least = shown.length ? Math.min(...shown.map((one) => one.score)) : 0;
  const why = shown.some((one) => one.id === card.id)
    ? "whyShown"
    : wide.active.some((one) => one.id === card.id)
      ? "whyActive"
      : card.hidden
        ? "whyHidden"
        : shown.some((one) => one.versions.includes(card.lora))
          ? "whyVersion"
          : !suggestion
            ? "whyNothing"
            : suggestion.base_model_doubt
              ? "whyBase"
              : suggestion.score > least && shown.length
                ? "whyHeld"
                : "whyLower";
  return { why, place: at + 1, of: wide.suggestions.length, score: suggestion?.score ?? 0, least, suggestion };
}
