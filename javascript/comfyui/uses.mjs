/** Changing a LoRA that a workflow uses: another strength, or none of it any more. */

import { withoutTag, withStrength } from "../core/tags.mjs";
import { setWidget } from "./change.mjs";
import { kindOf, widgetOf } from "./graph.mjs";
import { isOn, MANAGER, plainName } from "./loras.mjs";
import { readSelection, writeSelection } from "./selection.mjs";
import { removeLoader } from "./wiring.mjs";
import { removeWords } from "./words.mjs";

/** @typedef {import("./types.mjs").Node} Node */
/** @typedef {import("./types.mjs").Box} Box */
/** @typedef {import("./loras.mjs").Use} Use */

/** Whether two strengths go together: a user who set them apart wants them apart. @param {any} one @param {any} other */
function alike(one, other) {
  return other === undefined || other === null || one === other;
}

/** @param {Use} use @param {number} strength */
export function setStrength({ spot: { node }, place, widget, model, clip, name }, strength) {
  const same = (/** @type {any} */ row) => plainName(row?.name ?? "") === plainName(name);
  if (place === "selection") {
    const rows = readSelection(widget.value) ?? [];
    setWidget(node, widget, writeSelection(rows.map((row) => (same(row) ? { ...row, model: strength, clip: alike(row.model, row.clip) ? strength : row.clip } : row))));
  } else if (place === "row") {
    const { strength: before, strengthTwo } = widget.value;
    widget.value = { ...widget.value, strength, ...(strengthTwo != null && alike(before, strengthTwo) ? { strengthTwo: strength } : {}) };
  } else if (place === "rows") {
    const text = MANAGER.test(kindOf(node)) ? widgetOf(node, "text") : null;
    if (text) setWidget(node, text, withStrength(String(text.value), name, strength));
    widget.value = widget.value.map((/** @type {any} */ row) => (same(row) ? { ...row, strength, ...(alike(row.strength, row.clipStrength) ? { clipStrength: strength } : {}) } : row));
  } else if (place === "tag") {
    setWidget(node, widget, withStrength(widget.value, name, strength));
  } else {
    if (clip && alike(model?.value, clip.value)) setWidget(node, clip, strength);
    if (model) setWidget(node, model, strength);
  }
}

/** @param {Use} use @param {Box[]} boxes of the prompt, for the words that came with it */
export function removeUse({ spot: { node }, place, widget, name }, boxes) {
  const other = (/** @type {any} */ row) => plainName(row?.name ?? "") !== plainName(name);
  if (place === "selection") setWidget(node, widget, writeSelection((readSelection(widget.value) ?? []).filter(other)));
  else if (place === "row") removeRow(node, widget);
  else if (place === "rows") {
    const text = MANAGER.test(kindOf(node)) ? widgetOf(node, "text") : null;
    const rows = widget.value.filter(other);
    if (text) {
      setWidget(node, text, withoutTag(String(text.value), name, []).trim());
      text.callback?.(text.value);
    }
    widget.value = rows;
  } else if (place === "tag") setWidget(node, widget, withoutTag(widget.value, name, []));
  else removeFile(node, widget);
  for (const box of boxes) removeWords(box, name);
}

/** @param {any} node @param {import("./types.mjs").Widget} widget */
function removeRow(node, widget) {
  node.widgets.splice(node.widgets.indexOf(widget), 1);
  node.setSize?.([node.size[0], node.computeSize?.()[1] ?? node.size[1]]);
  node.graph?.setDirtyCanvas?.(true, true);
}

/** A loader for one LoRA goes; of a stack the row is freed. @param {Node} node @param {import("./types.mjs").Widget} widget */
function removeFile(node, widget) {
  const { values } = widget.options ?? {};
  const switches = (node.widgets ?? []).filter((one) => /switch|toggle|enable/i.test(one.name) && one.name.match(/\d+/)?.[0] === widget.name.match(/\d+/)?.[0] && isOn(one.value));
  const passes = (node.outputs ?? []).every((output) => (node.inputs ?? []).some((input) => input.type === output.type && input.link !== null) || !output.links?.length);
  if (/^LoraLoader/.test(kindOf(node)) && passes) removeLoader(node);
  else if (Array.isArray(values) && values.includes("None")) setWidget(node, widget, "None");
  else if (switches.length) for (const one of switches) setWidget(node, one, typeof one.value === "boolean" ? false : "Off");
  else node.mode = 4; // bypassed: the model goes on without it
}
