/** Tells those who listen, a moment later and once, that the workflow or the user's attention changed. */

const MOMENT = 60; // milliseconds: a widget's callback comes twice per key, and a loading workflow changes them all

export class Watch {
  constructor() {
    /** @type {Set<() => void>} */
    this._listeners = new Set();
    /** @type {WeakMap<object, any>} */
    this._values = new WeakMap();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this._timer = undefined;
  }

  /** @param {() => void} changed @returns {() => void} what ends it */
  listen(changed) {
    this._listeners.add(changed);
    return () => {
      this._listeners.delete(changed);
      if (!this._listeners.size) clearTimeout(this._timer);
    };
  }

  /** Something changed. Costs nothing while nobody listens. */
  touch() {
    if (!this._listeners.size) return;
    clearTimeout(this._timer);
    this._timer = setTimeout(() => [...this._listeners].forEach((changed) => changed()), MOMENT);
  }

  /** Watch a node's texts. @param {import("./types.mjs").Node} node */
  follow(node) {
    for (const widget of node.widgets ?? []) {
      if (typeof widget.value !== "string" && typeof widget.value !== "number") continue;
      const before = widget.callback;
      const watch = this;
      /** @this {any} @param {...any} given */
      widget.callback = function (...given) {
        const answer = before?.apply(this, given);
        if (watch._listeners.size && watch._values.get(widget) !== widget.value) {
          watch._values.set(widget, widget.value);
          watch.touch();
        }
        return answer;
      };
    }
  }
}
