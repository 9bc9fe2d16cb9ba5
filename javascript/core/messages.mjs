/** What stands in the place of the cards while there are none, and hints below them. */

import { ApiError } from "./client.mjs";
import { changed, fill, make } from "./dom.mjs";
import { percent, working } from "./state.mjs";

/** @typedef {import("./texts.mjs").Say} Say */
/** @typedef {import("./types.mjs").Index} Index */

/** @param {Error} error @param {Say} say @returns {string} */
export function sentence(error, say) {
  if (error instanceof ApiError && error.code === "unreachable") return say("unreachable");
  if (error instanceof ApiError && error.status === 401) return say("unauthorised");
  return error.message;
}

/**
 * The line above the cards.
 * @param {Say} say @param {ReturnType<typeof import("./state.mjs").sceneOf>} scene @param {import("./state.mjs").Similar | null} similar
 */
export function summaryOf(say, { phase, count, entries, least }, similar) {
  if (similar) return say("similarTo", { name: similar.card.name });
  const more = entries.length - count;
  if (phase === "nothing" || (phase === "ready" && !count && more)) return say("nothing");
  if (phase !== "ready") return "";
  const found = say(count === 1 ? "foundOne" : "found", { count });
  return more ? say("foundMore", { found, more, least: percent(least) }) : found;
}

/**
 * The message of a state that has no cards; none of one that has.
 * @param {HTMLElement} element to fill
 * @param {import("./state.mjs").Phase | "similar"} phase
 * @param {object} around
 * @param {Say} around.say @param {Index | null} around.index @param {Error | null} around.error
 * @param {() => void} around.refresh ask now @param {() => void} around.again look at everything anew
 * @param {() => void} around.start the index @param {() => void} around.stop it
 */
export function drawMessage(element, phase, { say, index, error, refresh, again, start, stop }) {
  const cards = phase === "ready" || phase === "nothing" || phase === "similar";
  element.hidden = cards;
  if (cards) {
    if (changed(element)) fill(element);
    return;
  }
  const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) => make("button.lr-primary", { type: "button", onclick }, text);
  const box = (/** @type {string} */ title, /** @type {string} */ text, /** @type {...any} */ ...more) => [make("p.lr-message-title", {}, title), text && make("p", {}, text), ...more];
  const shown = {
    waiting: () => [make("p.lr-muted", {}, say("waiting"))],
    empty: () => box(say("emptyTitle"), say("empty")),
    paused: () => box(say("pausedTitle"), say("paused"), button(say("refresh"), refresh)),
    none: () => box(say("nothingTitle"), say("none")),
    error: () => box(say("errorTitle"), sentence(/** @type {Error} */ (error), say), button(say("retry"), again)),
    unindexed: () =>
      index?.folders
        ? box(say("unindexedTitle"), index.job.error || say(index.stage === "empty" ? "unindexed" : "noFiles"), button(say("startIndex"), start))
        : box(say("unindexedTitle"), say("noFolder")),
    indexing: () =>
      box(
        say("indexingTitle"),
        say("indexing"),
        make("div", {}, make("progress.lr-progress", { "aria-label": say("indexingTitle") }), make("p.lr-muted")),
        make("button.lr-small", { type: "button", onclick: stop }, say("cancel")),
      ),
  };
  if (changed(element, phase, error && sentence(error, say), index?.stage, index?.folders, index?.job.error)) {
    element.setAttribute("role", phase === "error" ? "alert" : "group");
    fill(element, ...shown[phase]());
  }
  if (phase === "indexing") drawProgress(element, index?.job.progress ?? null, say);
}

/** @param {HTMLElement} element that has a bar and a text @param {import("./types.mjs").Job["progress"]} progress @param {Say} say */
function drawProgress(element, progress, say) {
  const { total = null, done = 0, seconds_left: seconds = null } = progress ?? {};
  if (total) Object.assign(/** @type {any} */ (element.querySelector("progress")), { max: total, value: done });
  const far = total ? say("progress", { done, total }) : "";
  fill(/** @type {Element} */ (element.querySelector("progress + p")), far && seconds ? say("withTime", { far, seconds: Math.ceil(seconds) }) : far);
}

/**
 * Hints below the cards.
 * @param {HTMLElement} element to fill
 * @param {object} around
 * @param {Say} around.say @param {Index | null} around.index
 * @param {string[]} around.notes of the answer
 * @param {boolean} around.lacking whether it is said elsewhere that an encoder is missing
 * @param {{enabled: boolean} | null} around.history null: not known
 * @param {() => void} around.remember switch the history on
 */
export function drawHints(element, { say, index, notes, lacking, history, remember }) {
  const wanted = [...(index?.notices ?? []), ...notes].filter((note) => !(lacking && /encoder|编码器/i.test(note)));
  const progress = index?.job.progress;
  const encoding = working(index?.job) && index?.stage === "lexical" && progress?.stage === "encode" && progress.total;
  const off = history !== null && !history.enabled;
  if (changed(element, Boolean(encoding), off, wanted)) {
    fill(
      element,
      encoding && make("p.lr-hint"),
      off && make("p.lr-hint", {}, say("historyOff"), make("button.lr-small", { type: "button", onclick: remember }, say("historyOn"))),
      ...[...new Set(wanted)].map((note) => make("p.lr-hint", {}, note)),
    );
  }
  if (encoding) fill(/** @type {Element} */ (element.firstElementChild), say("improving", { done: progress.done, total: progress.total ?? 0 }));
}
