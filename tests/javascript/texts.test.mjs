import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, languageOf, speaker } from "../../javascript/core/texts.mjs";
import { debounced } from "../../javascript/core/timing.mjs";

const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

test("both languages say everything, with the same values", () => {
  assert.deepEqual(Object.keys(LANGUAGES.zh).sort(), Object.keys(LANGUAGES.en).sort());
  for (const [name, text] of Object.entries(LANGUAGES.en)) assert.deepEqual(holes(LANGUAGES.zh[name]), holes(text), name);
});

test("languages are found by prefix, hosts may speak for themselves", () => {
  assert.deepEqual(["zh-CN", "ZH", "de", "", null].map(languageOf), ["zh", "zh", "en", "en", "en"]);
  assert.equal(speaker("en", { insert: "Add" })("insert"), "Add");
  assert.equal(speaker("zh")("fit", { score: "5%" }), "契合度 5%");
});

test("only the last of many calls acts, after the pause", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let count = 0;
  const typed = debounced(() => (count += 1), () => 400);
  typed.call();
  context.mock.timers.tick(399);
  typed.call();
  context.mock.timers.tick(399);
  assert.equal(count, 0);
  context.mock.timers.tick(1);
  assert.equal(count, 1);
  typed.call();
  typed.cancel();
  context.mock.timers.tick(1000);
  assert.equal(count, 1);
});
