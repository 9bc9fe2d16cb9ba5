/** What is inserted of a LoRA where no card was set by hand. */

/** @typedef {import("./types.mjs").Card} Card */
/** @typedef {import("./types.mjs").Choice} Choice */

/** @param {Card} card @param {import("./types.mjs").Suggestion} suggestion @returns {Choice} as it is suggested */
export function choiceOf(card, { strength, trigger_words: words, partner, fingerprint }) {
  return { card, strength: strength.model, words, partner, fingerprint };
}

/**
 * Of a LoRA that may not be suggested now; either half of a pair stands for both.
 * @param {import("./client.mjs").Client} client @param {Card} card
 * @returns {Promise<Choice>} throws what the client throws
 */
export async function plainChoice(client, card) {
  const record = await client.details(card.id);
  const other = record.partner && (await client.details(record.partner).catch(() => null)); // its file may be gone
  const [high, low] = other && record.noise === "low" ? [other, record] : [record, other];
  const [words = []] = high.trigger_sets;
  return { card: high.card, strength: high.suggested.model, words, partner: low ? low.card.lora : "", fingerprint: high.fingerprint };
}
