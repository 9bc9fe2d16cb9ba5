/**
 * Prompts with LoRA tags (`<lora:name:0.8>`) as plain text in, plain text out. Reads tags as lorarec/lora_tags.py does.
 */

const TAG = /<(?:lora|lyco|locon|loha):([^<>]*)>/gi;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;

/**
 * @typedef {{name: string, strength: number, start: number, end: number}} Tag where it stands: text.slice(start, end)
 */

/** @param {string | undefined} text @returns {number} NaN for what is no number */
function number(text) {
  const trimmed = (text ?? "").trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : NaN;
}

/** @param {string} part of a tag @returns {string | null} what stands before its "=", in lower case; null: it has none */
function keyOf(part) {
  return part.includes("=") ? part.slice(0, part.indexOf("=")).trim().toLowerCase() : null;
}

/**
 * Where a tag says its strengths.
 * @param {string[]} parts behind its name
 * @returns {{model: number, clip: number}} places among them; -1: nowhere, it counts as 1
 */
function placesOf(parts) {
  const keys = parts.map(keyOf);
  const [first = -1, second = -1] = keys.flatMap((key, k) => (key === null ? [k] : []));
  const te = keys.lastIndexOf("te");
  const unet = keys.lastIndexOf("unet");
  const clip = te < 0 ? first : te;
  return { clip, model: unet >= 0 ? unet : Number.isNaN(number(parts[second])) ? clip : second };
}

/** @param {string[]} parts behind a tag's name @param {number} at one of `placesOf` @returns {number} NaN for what is no number */
function strengthAt(parts, at) {
  return at < 0 ? 1 : number(parts[at].slice(parts[at].indexOf("=") + 1));
}

/**
 * The LoRA tags of a text, in order; a strength that is no number counts as 1.
 * @param {string} text @returns {Tag[]}
 */
export function findTags(text) {
  const found = [];
  for (const match of text.matchAll(TAG)) {
    const [name, ...parts] = match[1].split(":");
    if (!name.trim()) continue;
    const model = strengthAt(parts, placesOf(parts).model);
    const strength = Number.isNaN(model) ? 1 : model;
    found.push({ name: name.trim(), strength, start: match.index, end: match.index + match[0].length });
  }
  return found;
}

/** @param {number} strength @returns {string} at most two decimals, none that say nothing */
export function written(strength) {
  return String(Math.round(strength * 100) / 100);
}

/** @param {string} path of a LoRA file @returns {string} the name that tags use */
export function tagName(path) {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
}

/** @param {string} text @returns {string} */
function plain(text) {
  return text.trim().replace(/\s+/g, " ").toLowerCase();
}

/** @param {string} text @returns {string} so that a regular expression means it literally */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * Those trigger words that a prompt does not hold yet, each once.
 * @param {string} text @param {string[]} words
 */
export function missingWords(text, words) {
  const prompt = plain(text.replace(TAG, ","));
  const seen = new Set();
  return words.filter((word) => {
    const wanted = plain(word);
    if (!wanted || seen.has(wanted)) return false;
    seen.add(wanted);
    return !new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(wanted)}(?![\\p{L}\\p{N}_])`, "u").test(prompt);
  });
}

/**
 * Where something may be inserted without tearing a term, a weight or a tag apart: here, or at the term's end.
 * @param {string} text @param {number} at
 */
export function insertionPoint(text, at) {
  let depth = 0;
  for (let k = 0; k < at; k += 1) {
    if (text[k - 1] === "\\") continue;
    if ("(<[{".includes(text[k])) depth += 1;
    else if (")>]}".includes(text[k])) depth = Math.max(0, depth - 1);
  }
  const between = /(?:^|[,\n])[^\S\n]*$/.test(text.slice(0, at)) || /^[^\S\n]*(?:[,\n]|$)/.test(text.slice(at));
  if (depth === 0 && between) return at;
  let level = depth;
  for (let k = at; k < text.length; k += 1) {
    if (level === 0 && /[,\n]/.test(text[k])) return k;
    if ("(<[{".includes(text[k])) level += 1;
    else if (")>]}".includes(text[k])) level = Math.max(0, level - 1);
  }
  return text.length;
}

/**
 * A prompt with a LoRA's tag and trigger words added.
 * @param {string} text
 * @param {number} at the cursor
 * @param {string} name
 * @param {number} strength
 * @param {string[]} words
 * @param {string} separator between what stands before and the tag
 */
export function withTag(text, at, name, strength, words, separator = ", ") {
  return withTerms(text, at, [`<lora:${name}:${written(strength)}>`, ...missingWords(text, words)], separator);
}

/** A prompt with terms added. @param {string} text @param {number} at the cursor @param {string[]} terms @param {string} separator before the first */
export function withTerms(text, at, terms, separator = ", ") {
  const place = insertionPoint(text, at);
  const before = text.slice(0, place);
  const after = text.slice(place);
  const lead = !before.trim() || /\n\s*$/.test(before) ? "" : /,\s*$/.test(before) ? (/\s$/.test(before) ? "" : " ") : /\s$/.test(before) ? "" : separator;
  const tail = !after.trim() || /^\s*[,\n]/.test(after) ? "" : ", ";
  return before + lead + terms.join(", ") + tail + (tail ? after.trimStart() : after);
}

/**
 * A prompt without a LoRA: its tags go, and so do the given words wherever they stand as terms of their own, unless
 * `keep` holds them too. Words inside a longer term stay.
 * @param {string} text @param {string} name @param {string[]} words @param {string[]} keep
 */
export function withoutTag(text, name, words, keep = []) {
  const bare = text.replace(TAG, (tag) => (findTags(tag)[0]?.name.toLowerCase() === name.toLowerCase() ? "\0" : tag));
  return bare === text ? text : withoutTerms(bare, words, keep);
}

/**
 * A prompt without terms, unless `keep` holds them too; "\0" stands for what was taken out of a term already.
 * @param {string} bare @param {string[]} words @param {string[]} keep
 */
export function withoutTerms(bare, words, keep = []) {
  const kept = new Set(keep.map(plain));
  const going = new Set(words.map(plain).filter((word) => !kept.has(word)));
  const lines = bare.split("\n").map((line) => {
    const terms = line.split(",");
    const rest = terms.map((term) => {
      const clean = term.replace(/\s*\0/g, ""); // with what some hosts put before a tag
      if (clean !== term && (!clean.trim() || going.has(plain(clean)))) return null;
      return going.has(plain(clean)) ? null : clean.replace(/ {2,}/g, " ");
    });
    if (rest.every((term, k) => term === terms[k])) return line;
    const left = rest.filter((term) => term !== null);
    if (left.length && rest[0] !== terms[0]) left[0] = left[0].trimStart();
    return left.join(",");
  });
  return lines.join("\n");
}

/**
 * A prompt with another strength for one LoRA. That of the text encoder goes along where it was the same; all else that its
 * tag says stays.
 * @param {string} text @param {string} name @param {number} strength
 */
export function withStrength(text, name, strength) {
  return text.replace(TAG, (tag, inside) => {
    const [own, ...parts] = inside.split(":");
    if (own.trim().toLowerCase() !== name.toLowerCase()) return tag;
    const { model, clip } = placesOf(parts);
    const together = strengthAt(parts, clip) === strengthAt(parts, model);
    for (const at of together ? [model, clip] : [model]) {
      if (at >= 0) parts[at] = parts[at].slice(0, parts[at].indexOf("=") + 1) + written(strength);
    }
    if (model < 0) parts.unshift(written(strength));
    return `${tag.slice(0, tag.indexOf(":"))}:${[own, ...parts].join(":")}>`;
  });
}

/**
 * The one stretch in which two texts differ, so that an editor can be told of it alone.
 * @param {string} before @param {string} after
 * @returns {{start: number, end: number, text: string}} before.slice(start, end) becomes text
 */
export function difference(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let same = 0;
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return { start, end: before.length - same, text: after.slice(start, after.length - same) };
}
