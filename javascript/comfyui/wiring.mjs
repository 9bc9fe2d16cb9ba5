/** LoRA loaders in a chain of links: a new one behind what is there, and one taken out again. */

import { INSIDE_INPUTS, INSIDE_OUTPUTS, inputIndex, kindOf, linkOf, nodeById, nodesOf, originOf } from "./graph.mjs";

/** @typedef {import("./types.mjs").Spot} Spot */
/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Link} Link */
/** @typedef {{id: number | string, slot: number}} End */

const CHAINED = /^LoraLoader(?:ModelOnly)?$/;
const GAP = 40;
const SIZE = [320, 130]; // of a LoraLoader, before it was drawn

/**
 * Behind which node a new loader belongs: the last LoraLoader of the chain, else what the chain begins with.
 * @param {Spot} end of the chain: a sampler, or what gives it its model @returns {Spot | null} null: no model is linked
 */
export function anchorOf(end) {
  /** @type {Spot | undefined} */
  let spot = end;
  for (let hops = 0; hops < 200; hops += 1) {
    if (CHAINED.test(kindOf(spot.node))) return spot;
    const [origin] = modelOrigins(spot);
    if (!origin) return (spot.node.outputs ?? []).some((output) => output.type === "MODEL") ? spot : null;
    spot = origin.spot;
  }
  return null;
}

/** What a node's models come from, or else its guider. @param {Spot} spot @returns {{name: string, spot: Spot}[]} by input */
export function modelOrigins(spot) {
  const linked = [...(spot.node.inputs ?? []).entries()].filter(([, input]) => input.link !== null);
  for (const type of ["MODEL", "GUIDER"]) {
    const mine = linked.filter(([, input]) => input.type === type);
    if (mine.length) {
      return mine.flatMap(([index, { name }]) => {
        const origin = originOf(spot, index);
        return origin ? [{ name, spot: origin.spot }] : [];
      });
    }
  }
  return [];
}

/**
 * Put a new loader between a node and all that takes its model and text encoder.
 * @param {(kind: string) => Node} create throws where it cannot @param {Node} anchor @returns {Node}
 */
export function insertLoader(create, anchor) {
  const graph = anchor.graph;
  const slots = [outputOf(anchor, "MODEL"), outputOf(anchor, "CLIP")];
  const kind = slots[1] < 0 ? "LoraLoaderModelOnly" : "LoraLoader";
  const loader = create(kind);
  place(loader, anchor);
  graph.add(loader);
  for (const [k, slot] of slots.entries()) {
    if (slot < 0) continue;
    const name = ["model", "clip"][k];
    const out = outputOf(loader, name.toUpperCase());
    const links = linksFrom(anchor, slot);
    connect(graph, { id: anchor.id, slot }, { id: loader.id, slot: inputIndex(loader, name) });
    for (const link of links) connect(graph, { id: loader.id, slot: out }, { id: link.target_id, slot: link.target_slot }, link.parentId);
  }
  return loader;
}

/** Take a loader out: what it was given goes on to what took it. @param {Node} node */
export function removeLoader(node) {
  const graph = node.graph;
  for (const [slot, output] of (node.outputs ?? []).entries()) {
    const input = (node.inputs ?? []).find((one) => one.type === output.type);
    const given = input ? linkOf(graph, input.link) : null;
    if (!given) continue;
    for (const link of linksFrom(node, slot)) {
      connect(graph, { id: given.origin_id, slot: given.origin_slot }, { id: link.target_id, slot: link.target_slot }, link.parentId ?? given.parentId);
    }
  }
  graph.remove(node);
}

/** @param {Node} node @param {string} type @returns {number} */
function outputOf(node, type) {
  return (node.outputs ?? []).findIndex((output) => output.type === type);
}

/** @param {Node} node @param {number} slot @returns {Link[]} copies: making a link takes away another */
function linksFrom(node, slot) {
  const links = (node.outputs?.[slot]?.links ?? []).map((id) => linkOf(node.graph, id));
  return links.filter((link) => link !== null).map((link) => {
    const { id, origin_id, origin_slot, target_id, target_slot, parentId } = link;
    return { id, origin_id, origin_slot, target_id, target_slot, parentId };
  });
}

/** @param {any} graph @param {End} from @param {End} to @param {(number | string)=} reroute the last one on the way */
function connect(graph, from, to, reroute) {
  const source = /** @type {any} */ (nodeById(graph, from.id));
  const target = /** @type {any} */ (nodeById(graph, to.id));
  if (String(from.id) === INSIDE_INPUTS) graph.inputs[from.slot].connect(target.inputs[to.slot], target, reroute);
  else if (String(to.id) === INSIDE_OUTPUTS) graph.outputs[to.slot].connect(source.outputs[from.slot], source, reroute);
  else source.connect(from.slot, target, to.slot, reroute);
}

/** Beside a node, below whatever stands there. @param {any} node @param {any} anchor */
function place(node, anchor) {
  const others = nodesOf(anchor.graph).map((/** @type {any} */ one) => [one.pos[0], one.pos[1] - 30, one.size[0], one.size[1] + 30]);
  const x = anchor.pos[0] + anchor.size[0] + GAP;
  let y = anchor.pos[1];
  for (let tries = 0; tries < 100; tries += 1) {
    const hit = others.find(([left, top, width, height]) => left < x + SIZE[0] && x < left + width && top < y + SIZE[1] && y - 30 < top + height);
    if (!hit) break;
    y = hit[1] + hit[3] + GAP + 30;
  }
  node.pos = [x, y];
}
