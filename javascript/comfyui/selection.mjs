/** The `selection` of a Recommend LoRAs node: JSON, one row per line, as nodes/selection.py reads and writes it. */

/**
 * @typedef {object} Row
 * @property {string} name path below the LoRA folders, with "/"
 * @property {number} model strength
 * @property {number} clip strength
 * @property {boolean} on
 * @property {string[]} trigger_words
 * @property {string} partner low-noise half of a pair
 * @property {string} fingerprint
 */

/** @param {any} text @returns {Row[] | null} null: it cannot be read, and must not be overwritten */
export function readSelection(text) {
  if (typeof text !== "string") return null;
  if (!text.trim()) return [];
  let rows;
  try {
    rows = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(rows) || rows.some((row) => !row || typeof row !== "object" || typeof row.name !== "string" || typeof row.model !== "number")) return null;
  return rows.map((row) => ({
    ...{ clip: row.model, on: true, trigger_words: [], partner: "", fingerprint: "" },
    ...row,
  }));
}

/** @param {Row[]} rows @returns {string} */
export function writeSelection(rows) {
  const lines = rows.map(({ name, model, clip, on, trigger_words, partner, fingerprint }) => {
    const fields = Object.entries({ name, model, clip, on, trigger_words, partner, fingerprint });
    return `{${fields.map(([key, value]) => `${JSON.stringify(key)}: ${spaced(value)}`).join(", ")}}`;
  });
  return lines.length ? `[\n${lines.join(",\n")}\n]` : "[]";
}

/** @param {any} value @returns {string} as Python writes it, so that the same rows give the same text from both sides */
function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  return typeof value === "number" && Number.isInteger(value) ? value.toFixed(1) : JSON.stringify(value);
}

/** @param {import("../core/types.mjs").Suggestion & {fingerprint?: string, partner?: string}} one @returns {Row} what the node itself would choose */
export function rowOf(one) {
  const round = (/** @type {number} */ value) => Math.round(value * 1000) / 1000;
  return {
    name: one.lora,
    model: round(one.strength.model),
    clip: round(one.strength.clip),
    on: true,
    trigger_words: bareWords(one.trigger_words),
    partner: one.partner ?? "",
    fingerprint: one.fingerprint ?? "",
  };
}

/** Trigger words without tags, which an encoder would read as text, each once. @param {string[]} words @returns {string[]} */
export function bareWords(words) {
  /** @type {Map<string, string>} */
  const kept = new Map();
  for (const word of words) {
    const clean = word.replace(/<[^<>]*:[^<>]*>/g, " ").replace(/\s+/g, " ").replace(/^[ ,]+|[ ,]+$/g, "");
    const plain = clean.replaceAll("\\", "").replace(/[\s_]+/g, " ").toLowerCase();
    if (clean && !kept.has(plain)) kept.set(plain, clean);
  }
  return [...kept.values()];
}
