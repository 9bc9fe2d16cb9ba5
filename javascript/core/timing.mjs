/** Waiting for a pause. */

/**
 * Call something after a pause: every further call starts the pause anew.
 * @param {() => void} action
 * @param {() => number} pause milliseconds, asked at each call
 * @returns {{call: () => void, now: () => void, cancel: () => void}}
 */
export function debounced(action, pause) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  const now = () => {
    cancel();
    action();
  };
  return {
    call() {
      cancel();
      timer = setTimeout(now, pause());
    },
    now,
    cancel,
  };
}
