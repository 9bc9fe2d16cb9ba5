import assert from "node:assert/strict";
import { test } from "node:test";

import { difference, findTags, insertionPoint, missingWords, tagName, withoutTag, withStrength, withTag, written } from "../../javascript/core/tags.mjs";

const read = (text) => findTags(text).map(({ name, strength }) => [name, strength]);

test("tags are read as the WebUI reads them", () => {
  assert.deepEqual(read("a <lora:b:0.8>, <LYCO:c> <lora:d:te=0.2:unet=0.6> <lora:e:.5:1.2> <lora: :1> <lora:f:oops> <lora:g: unet =0.4:lbw=A>"), [
    ["b", 0.8],
    ["c", 1],
    ["d", 0.6],
    ["e", 1.2],
    ["f", 1],
    ["g", 0.4],
  ]);
});

test("strengths are written short", () => {
  assert.equal(written(0.1 + 0.2), "0.3");
  assert.equal(written(1), "1");
  assert.equal(tagName("styles/old.v2.safetensors"), "old.v2");
});

test("trigger words that the prompt holds are not missing", () => {
  assert.deepEqual(missingWords("a Red  Knight, <lora:armor:1>", ["red knight", "armor", "armor", "night"]), ["armor", "night"]);
  assert.deepEqual(missingWords("C++ code (1.5)", ["c++", "code (1.5)"]), []);
  assert.deepEqual(missingWords("水墨画", ["水墨"]), ["水墨"]);
});

test("nothing is torn apart", () => {
  const cases = [
    ["cas|tle, night", "castle|, night"],
    ["(white hair:|1.2), snow", "(white hair:1.2)|, snow"],
    ["((a, |b:1.1), c), d", "((a, b:1.1), c)|, d"],
    ["<lora:x|:1> a", "<lora:x:1> a|"],
    ["a, | b", "a, | b"],
    ["a|\nb", "a|\nb"],
    [":\\( smile|y", ":\\( smiley|"],
    ["|a", "|a"],
  ];
  for (const [given, wanted] of cases) {
    const at = insertionPoint(given.replace("|", ""), given.indexOf("|"));
    const text = given.replace("|", "");
    assert.equal(`${text.slice(0, at)}|${text.slice(at)}`, wanted);
  }
});

test("a tag comes with the words that are missing", () => {
  assert.equal(withTag("", 0, "x", 0.8, ["w"]), "<lora:x:0.8>, w");
  assert.equal(withTag("a castle", 8, "x", 0.75, ["castle", "w"]), "a castle, <lora:x:0.75>, w");
  assert.equal(withTag("a, b", 2, "x", 1, []), "a, <lora:x:1>, b");
  assert.equal(withTag("a,\nb", 3, "x", 1, []), "a,\n<lora:x:1>, b");
});

test("a tag leaves with its words, and with no others", () => {
  assert.equal(withoutTag("a, <lora:x:1>, w, v, b w c", "X", ["W", "v"], ["v"]), "a, v, b w c");
  assert.equal(withoutTag("<lora:x:1> a, w", "x", ["w"]), "a");
  assert.equal(withoutTag("a, w", "x", ["w"]), "a, w", "without its tag nothing goes");
  assert.equal(withoutTag("<lora:xy:1>, a", "x", []), "<lora:xy:1>, a");
});

test("inserting and removing end where they began", () => {
  for (const text of ["", "a castle", "a, b", "(a:1.2), <lora:y:1>, b", "one\ntwo, three"]) {
    for (let at = 0; at <= text.length; at += 1) {
      const added = withTag(text, at, "x", 0.8, ["new word"]);
      assert.deepEqual(read(added).filter(([name]) => name === "x"), [["x", 0.8]]);
      const terms = (value) => value.split(/[,\n]/).map((term) => term.trim()).filter(Boolean);
      assert.deepEqual(terms(withoutTag(added, "x", ["new word"])), terms(text), `${text} at ${at}`);
    }
  }
});

test("what a host puts before a tag comes and goes with it", () => {
  for (const text of ["", "a cat", "a cat, a dog", "a cat\na dog"]) {
    const with_ = withTag(text, Math.min(5, text.length), "x", 0.8, ["foo"], " ");
    assert.equal(withoutTag(with_, "x", ["foo"]), text);
  }
  assert.equal(withTag("a cat", 5, "x", 0.8, ["foo"], " "), "a cat <lora:x:0.8>, foo");
  assert.equal(withTag("a cat,", 6, "x", 0.8, [], " "), "a cat, <lora:x:0.8>");
});

test("only the strength of one tag changes", () => {
  assert.equal(withStrength("<lora:x:1>, <lyco:y:0.5:1>", "Y", 0.333), "<lora:x:1>, <lyco:y:0.5:0.33>");
  const cases = [
    ["<lora:x>", "<lora:x:0.6>"],
    ["<lora:x:oops>", "<lora:x:0.6>"],
    ["<lora: x :0.8:0.5:lbw=OUTALL>", "<lora: x :0.8:0.6:lbw=OUTALL>"],
    ["<lora:x:0.8:0.8:lbw=1,0,1:step=5-20>", "<lora:x:0.6:0.6:lbw=1,0,1:step=5-20>"],
    ["<lora:x:lbw=OUTALL>", "<lora:x:0.6:lbw=OUTALL>"],
    ["<lora:x:0.8:MIDD>", "<lora:x:0.6:MIDD>"],
    ["<lora:x:te=0.5:unet=0.9>", "<lora:x:te=0.5:unet=0.6>"],
    ["<lora:x:te=0.5:UNET=0.50:dyn=64>", "<lora:x:te=0.6:UNET=0.6:dyn=64>"],
    ["<lora:x:0.7:unet=0.9>", "<lora:x:0.7:unet=0.6>"],
    ["<lora:x:te=0.5>", "<lora:x:te=0.6>"],
    ["<lora:x:0.8:te=0.5>", "<lora:x:0.8:te=0.6>"],
  ];
  for (const [given, wanted] of cases) {
    assert.equal(withStrength(given, "x", 0.6), wanted);
    assert.deepEqual(read(wanted), [["x", 0.6]]);
  }
});

test("a difference leads from one text to the other", () => {
  const texts = ["", "a", "aa", "aba", "abcabc", "a, <lora:x:1>, b", "a, b"];
  for (const before of texts) {
    for (const after of texts) {
      const { start, end, text } = difference(before, after);
      assert.equal(before.slice(0, start) + text + before.slice(end), after);
    }
  }
  assert.deepEqual(difference("abc", "abc"), { start: 3, end: 3, text: "" });
});
