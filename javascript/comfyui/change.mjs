/** Changing the workflow: everything between the first and the last assignment is one step of ComfyUI's undo. */

/** @param {any} app @returns {any} the tracker of the workflow in hand; absent while none is open */
function trackerOf(app) {
  return app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
}

/** Tell ComfyUI's undo and its "modified" mark that the workflow is as it is now. @param {any} app */
export function settle(app) {
  const tracker = trackerOf(app);
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.();
}

/**
 * Change the workflow in one step.
 * @template T
 * @param {any} app @param {() => T} work @returns {T}
 */
export function change(app, work) {
  // What a user did just before, such as typing, is a step of its own; ComfyUI may not have looked at it yet.
  settle(app);
  const graph = app.rootGraph ?? app.graph;
  app.canvas?.emitBeforeChange?.();
  graph.beforeChange?.();
  try {
    return work();
  } finally {
    graph.afterChange?.();
    app.canvas?.emitAfterChange?.();
    settle(app);
    graph.setDirtyCanvas?.(true, true);
  }
}

/**
 * Undo and redo while the focus is in the sidebar. ComfyUI leaves their keys to any field that has the focus; a slider or a
 * box to tick has nothing to undo of its own.
 * @param {any} app @param {KeyboardEvent} event
 */
export function undoFrom(app, event) {
  const { type } = /** @type {HTMLInputElement} */ (event.target);
  const key = event.key.toLowerCase();
  if (!["range", "checkbox"].includes(type) || !(event.ctrlKey || event.metaKey) || event.altKey || !["y", "z"].includes(key)) return;
  event.preventDefault();
  event.stopPropagation();
  void app.extensionManager.command.execute(key === "y" || event.shiftKey ? "Comfy.Redo" : "Comfy.Undo");
}

/** Set a widget as if its user had. @param {import("./types.mjs").Node} node @param {import("./types.mjs").Widget} widget @param {any} value */
export function setWidget(node, widget, value) {
  if (widget.value === value) return;
  widget.value = value;
  node.graph?.setDirtyCanvas?.(true, true);
}
