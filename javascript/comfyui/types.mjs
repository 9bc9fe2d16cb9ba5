/**
 * ComfyUI's graph as far as these modules look at it; nothing runs here. The objects are the frontend's own, so that
 * only what all its versions have in common is named.
 *
 * @typedef {object} Link from an output to an input; -10 as origin is the inside of a subgraph's inputs, -20 as target
 *   that of its outputs
 * @property {number | string} id
 * @property {number | string} origin_id
 * @property {number} origin_slot
 * @property {number | string} target_id
 * @property {number} target_slot
 * @property {(number | string)=} parentId the reroute that it passes last
 *
 * @typedef {object} Input
 * @property {string} name
 * @property {string} type
 * @property {number | string | null} link
 * @property {{name: string} | null=} widget set for a widget that takes a link too
 *
 * @typedef {object} Output
 * @property {string} name
 * @property {string} type
 * @property {(number | string)[] | null} links
 *
 * @typedef {object} Widget
 * @property {string} name
 * @property {any} value
 * @property {string=} type
 * @property {Record<string, any>=} options
 * @property {((...given: any[]) => any)=} callback
 * @property {any=} element
 * @property {any=} inputEl
 *
 * @typedef {object} Node
 * @property {number | string} id
 * @property {string} type
 * @property {string=} comfyClass
 * @property {string=} title
 * @property {number=} mode 0 runs, 2 is muted, 4 is bypassed
 * @property {Input[]=} inputs
 * @property {Output[]=} outputs
 * @property {Widget[]=} widgets
 * @property {Record<string, any>} properties
 * @property {any} graph the graph that it is in
 * @property {any=} subgraph what it stands for
 * @property {boolean=} isVirtualNode exists in the browser only
 *
 * @typedef {{node: Node, owners: Node[]}} Spot a node and the subgraph nodes that it is inside of, outermost first: a
 *   subgraph may stand in several places
 * @typedef {{spot: Spot, slot: number}} Origin an output of a node that does something
 * @typedef {{spot: Spot, widget: Widget}} Box a text that somebody wrote, in a widget
 */
export {};
