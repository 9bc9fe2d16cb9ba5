import assert from "node:assert/strict";
import { test } from "node:test";

import { PromptBox } from "../../javascript/core/prompt_box.mjs";

/** A text box as far as `edit` needs one; the browser's own editing is not there. */
function boxWith(value) {
  const box = {
    value,
    selectionStart: value.length,
    selectionEnd: value.length,
    focus() {},
    dispatchEvent() {},
    setSelectionRange() {},
    setRangeText(piece, start, end) {
      box.value = box.value.slice(0, start) + piece + box.value.slice(end);
    },
  };
  globalThis.document = { activeElement: box, body: null, execCommand: () => false };
  return box;
}

const choice = (lora, ...words) => ({ card: { lora: `${lora}.safetensors`, trigger_sets: [words] }, strength: 1, words });

test("words that the user wrote stay when a LoRA leaves", () => {
  const box = boxWith("a castle, red knight");
  const tags = new PromptBox(box);
  tags.insert(choice("x", "red knight", "armor"));
  assert.equal(box.value, "a castle, red knight, <lora:x:1>, armor");
  tags.remove("X");
  assert.equal(box.value, "a castle, red knight");
});

test("of a LoRA that was not inserted here the tag alone leaves", () => {
  const box = boxWith("a castle, <lora:x:1>, armor");
  new PromptBox(box).remove("x");
  assert.equal(box.value, "a castle, armor");
});

test("a word that another LoRA wants leaves with the last of them", () => {
  const box = boxWith("a");
  const tags = new PromptBox(box);
  tags.insert(choice("x", "armor"));
  tags.insert(choice("y", "armor"));
  tags.remove("x");
  assert.equal(box.value, "a, <lora:y:1>, armor");
  tags.remove("y");
  assert.equal(box.value, "a");
  box.value = "a, armor";
  tags.insert(choice("y", "armor"));
  tags.remove("y");
  assert.equal(box.value, "a, armor", "what was written since is the user's");
});
