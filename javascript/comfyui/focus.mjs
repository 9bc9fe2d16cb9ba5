/** Which text box has the user's attention: the one focused last, also after the focus went into the sidebar. */

import { boxKey, isText } from "./boxes.mjs";
import { keyOf, nodeById, nodesOf, ownersOf, widgetOf } from "./graph.mjs";

/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Widget} Widget */

/**
 * The keys under which prompts may know a text box of the page; none if it is not the text of a node.
 * @param {any} app @param {any} element @returns {string[]}
 */
export function keysAt(app, element) {
  if (element?.tagName !== "TEXTAREA" && !(element?.tagName === "INPUT" && element.type === "text")) return [];
  const graph = app.canvas?.graph;
  const owners = graph && ownersOf(app.rootGraph ?? app.graph, graph);
  if (!owners) return [];
  const [node, widget] = classic(graph, element) ?? drawn(graph, element) ?? [];
  if (!node || !widget || !isText(widget)) return [];
  const spot = { node, owners };
  // A subgraph's node may show a widget of its inside as it is, without an input of its own.
  const inner = (node.properties?.proxyWidgets ?? []).filter((/** @type {any} */ [, name]) => name === widget.name).map((/** @type {any} */ [id, name]) => `${keyOf(spot)}:${id}/${name}`);
  return [boxKey({ spot, widget }), ...(node.subgraph ? inner : [])];
}

/** The canvas keeps each box in its widget. @param {any} graph @param {any} element @returns {[Node, Widget] | null} */
function classic(graph, element) {
  for (const node of nodesOf(graph)) {
    const widget = node.widgets?.find((one) => one.element === element || one.inputEl === element || one.element?.contains?.(element));
    if (widget) return [node, widget];
  }
  return null;
}

/** Nodes 2.0 draws boxes of its own, in the order of the widgets. @param {any} graph @param {any} element @returns {[Node, Widget] | null} */
function drawn(graph, element) {
  const frame = element.closest("[data-node-id]");
  const node = frame && nodeById(graph, frame.dataset.nodeId);
  if (!node) return null;
  const named = widgetOf(node, element.getAttribute("aria-label") ?? "");
  if (named) return [node, named];
  const boxes = [...frame.querySelectorAll(element.tagName === "TEXTAREA" ? "textarea" : "input[type=text]")];
  const shown = (node.widgets ?? []).filter((/** @type {Widget} */ one) => typeof one.value === "string" && !one.options?.hidden);
  const alike = shown.filter((/** @type {Widget} */ one) => one.value === element.value);
  if (alike.length === 1) return [node, alike[0]];
  const long = shown.filter((/** @type {Widget} */ one) => one.type === "customtext" || one.type === "textarea" || one.options?.multiline);
  const widget = long[boxes.indexOf(element)];
  return widget ? [node, widget] : null;
}
