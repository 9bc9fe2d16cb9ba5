/**
 * Following links: through subgraphs in both directions, reroutes, Set and Get nodes, and bypassed nodes. Links that
 * pass reroutes of the newer kind lead from node to node as others do.
 */

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Link} Link */
/** @typedef {import("./types.mjs").Origin} Origin */
/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {import("./types.mjs").Widget} Widget */

export const INSIDE_INPUTS = "-10";
export const INSIDE_OUTPUTS = "-20";
const MUTED = 2;
const BYPASSED = 4;
const FARTHEST = 200; // hops of one link; more is a circle
const DEEPEST = 12; // subgraphs inside of each other

/** @param {Spot} spot @returns {string} e.g. "12:7" for node 7 of the subgraph that node 12 stands for */
export function keyOf({ node, owners }) {
  return [...owners, node].map((one) => String(one.id)).join(":");
}

/** @param {Node} node @returns {string} its type as the server knows it */
export function kindOf(node) {
  return node.comfyClass ?? node.type;
}

/** @param {any} graph @returns {Node[]} */
export function nodesOf(graph) {
  return graph?.nodes ?? graph?._nodes ?? [];
}

/** @param {any} graph @param {number | string | null | undefined} id @returns {Link | null} */
export function linkOf(graph, id) {
  if (id === null || id === undefined) return null;
  return graph.getLink?.(id) ?? graph.links?.get?.(id) ?? graph.links?.[id] ?? null;
}

/** @param {any} graph @param {number | string} id @returns {Node | null} ids are numbers or texts, by version */
export function nodeById(graph, id) {
  return graph.getNodeById?.(id) ?? nodesOf(graph).find((node) => String(node.id) === String(id)) ?? null;
}

/** @param {Node} node @returns {boolean} whether it runs */
export function isLive(node) {
  return node.mode !== MUTED && node.mode !== BYPASSED;
}

/**
 * All nodes that run, also inside of subgraphs.
 * @param {any} graph @param {Node[]} owners @returns {Spot[]}
 */
export function liveSpots(graph, owners = []) {
  /** @type {Spot[]} */
  const found = [];
  for (const node of nodesOf(graph)) {
    if (!isLive(node)) continue;
    if (node.subgraph) {
      if (owners.length < DEEPEST) found.push(...liveSpots(node.subgraph, [...owners, node]));
    } else found.push({ node, owners });
  }
  return found;
}

/**
 * The subgraph nodes through which a graph is reached from the root; where several stand for it the first. null: it is
 * not below the root.
 * @param {any} root @param {any} graph @returns {Node[] | null}
 */
export function ownersOf(root, graph, depth = 0) {
  if (graph === root) return [];
  for (const node of depth < DEEPEST ? nodesOf(root) : []) {
    if (!node.subgraph) continue;
    const inner = ownersOf(node.subgraph, graph, depth + 1);
    if (inner) return [node, ...inner];
  }
  return null;
}

/** @param {any} root @param {string} key as of `keyOf` @returns {Spot | null} */
export function spotOf(root, key) {
  /** @type {Node[]} */
  const owners = [];
  let graph = root;
  const ids = key.split(":");
  for (const [k, id] of ids.entries()) {
    const node = graph && nodeById(graph, id);
    if (!node) return null;
    if (k === ids.length - 1) return { node, owners };
    owners.push(node);
    graph = node.subgraph;
  }
  return null;
}

/** @param {Node} node @param {string} name @returns {Widget | null} */
export function widgetOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name) ?? null;
}

/** @param {Node} node @param {string} name @returns {number} */
export function inputIndex(node, name) {
  return (node.inputs ?? []).findIndex((input) => input.name === name);
}

/**
 * Where an input's value comes from: an output of a node, or a widget (its own, or one of a subgraph's node that stands
 * for it). null: from nowhere, or from a muted node.
 * @param {Spot} spot @param {number} index @returns {Origin | Box | null}
 */
export function sourceOf(spot, index, hops = 0) {
  const { node } = spot;
  const input = node.inputs?.[index];
  if (!input || hops > FARTHEST) return null;
  const link = linkOf(node.graph, input.link);
  if (link) return fromLink(node.graph, spot.owners, link, hops + 1);
  const widget = widgetOf(node, input.widget?.name ?? input.name);
  return widget && { spot, widget };
}

/** @param {Spot} spot @param {number} index @returns {Origin | null} the output that an input is linked to */
export function originOf(spot, index) {
  const source = sourceOf(spot, index);
  return source && "slot" in source ? source : null;
}

/** @param {any} graph @param {Node[]} owners @param {Link} link @param {number} hops @returns {Origin | Box | null} */
function fromLink(graph, owners, link, hops) {
  if (String(link.origin_id) === INSIDE_INPUTS) {
    const owner = owners.at(-1);
    return owner ? sourceOf({ node: owner, owners: owners.slice(0, -1) }, link.origin_slot, hops) : null;
  }
  const node = nodeById(graph, link.origin_id);
  return node && through({ node, owners }, link.origin_slot, hops);
}

/**
 * What an output really is, where its node only passes something on.
 * @param {Spot} spot @param {number} slot @param {number} hops @returns {Origin | Box | null}
 */
function through(spot, slot, hops) {
  const { node, owners } = spot;
  if (node.mode === MUTED || hops > FARTHEST) return null;
  if (node.mode === BYPASSED) {
    const index = bypass(node, slot);
    return index < 0 ? null : sourceOf(spot, index, hops + 1);
  }
  if (node.subgraph) {
    const link = linkOf(node.subgraph, node.subgraph.outputs?.[slot]?.linkIds?.[0]);
    return link && fromLink(node.subgraph, [...owners, node], link, hops + 1);
  }
  if (/^(?:easy )?getNode$/i.test(node.type)) {
    const setter = setterOf(node, owners);
    return setter && sourceOf(setter, 0, hops + 1);
  }
  // Reroutes, Set nodes and their like: one input, and nothing of their own.
  if ((node.isVirtualNode || node.type === "Reroute") && node.inputs?.length === 1) return sourceOf(spot, 0, hops + 1);
  return { spot, slot };
}

/** The input that ComfyUI puts in the place of a bypassed node's output: beside it, else the first of its type. @param {Node} node @param {number} slot */
function bypass(node, slot) {
  const type = node.outputs?.[slot]?.type;
  const fits = (/** @type {{type: string} | undefined} */ input) => input !== undefined && (input.type === type || input.type === "*" || type === "*");
  if (fits(node.inputs?.[slot])) return slot;
  return (node.inputs ?? []).findIndex((input) => fits(input));
}

/** The Set node of a Get node: in the same graph, else in those around it. @param {Node} getter @param {Node[]} owners @returns {Spot | null} */
function setterOf(getter, owners) {
  const name = getter.widgets?.[0]?.value;
  for (let depth = owners.length; depth >= 0; depth -= 1) {
    const graph = depth === owners.length ? getter.graph : owners[depth].graph;
    const node = nodesOf(graph).find((one) => /^(?:easy )?setNode$/i.test(one.type) && one.widgets?.[0]?.value === name);
    if (node) return { node, owners: owners.slice(0, depth) };
  }
  return null;
}

/**
 * A node and everything upstream of it, nearest first, each once.
 * @param {Spot} start @param {(type: string) => boolean} follow whether to go along a link of this type
 * @returns {Spot[]}
 */
export function upstream(start, follow) {
  const found = new Map([[keyOf(start), start]]);
  const queue = [start];
  for (const spot of queue) {
    for (const [index, input] of (spot.node.inputs ?? []).entries()) {
      const origin = follow(input.type) ? originOf(spot, index) : null;
      if (!origin || found.has(keyOf(origin.spot))) continue;
      found.set(keyOf(origin.spot), origin.spot);
      queue.push(origin.spot);
    }
  }
  return [...found.values()];
}
