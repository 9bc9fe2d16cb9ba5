import assert from "node:assert/strict";
import { test } from "node:test";

import { Known } from "../../javascript/core/in_use.mjs";

test("what is in use is found by every way to write its name", () => {
  const known = new Known();
  known.learn({ a: { lora: "styles/Ink.v2.safetensors", name: "Ink" }, b: { lora: "ink.safetensors", name: "Other" } });
  const ids = (...names) => known.used(names.map((name) => ({ name, strength: 1 })), null).map((one) => one.id);
  assert.deepEqual(ids("ink.v2", "styles\\ink.v2.safetensors", "Styles/ink.v2", "ink", "other/ink", "v2"), ["a", "a", "a", "b", "", ""]);
  const answer = { active: [{ name: "INK", id: "c" }, { name: "ink.v2", id: "" }] };
  const used = known.used([{ name: "ink", strength: 0.5 }, { name: "ink.v2", strength: 1 }], answer);
  assert.deepEqual(used.map(({ id, card }) => [id, card?.name]), [["c", undefined], ["a", "Ink"]], "the server knows best, where it knows");
});
