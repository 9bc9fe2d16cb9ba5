import assert from "node:assert/strict";
import { test } from "node:test";

import { chooseAnew } from "../../javascript/comfyui/node.mjs";
import { showReport } from "../../javascript/comfyui/report.mjs";
import { EN, PANEL, speaker, ZH } from "../../javascript/comfyui/texts.mjs";
import { LANGUAGES } from "../../javascript/core/texts.mjs";

const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

test("both languages say everything, with the same values", () => {
  assert.deepEqual(Object.keys(ZH).sort(), Object.keys(EN).sort());
  for (const [name, text] of Object.entries(EN)) assert.deepEqual(holes(ZH[name]), holes(text), name);
  assert.deepEqual(Object.keys(PANEL.zh).sort(), Object.keys(PANEL.en).sort());
  for (const name of Object.keys(PANEL.en)) assert.ok(name in LANGUAGES.en, name);
});

test("nodes speak Chinese where ComfyUI does", () => {
  const say = speaker("zh");
  const node = {
    widgets: [],
    size: [0, 0],
    computeSize: () => [0, 0],
    setSize() {},
    addWidget(type, name) {
      this.widgets.push({ type, name, options: {} });
      return this.widgets.at(-1);
    },
  };
  chooseAnew({}, node, say);
  showReport(node, "text", {}, { STRING: (of, name) => ({ widget: of.addWidget("text", name) }) }, say);
  assert.deepEqual(node.widgets.map((widget) => widget.label), ["重新选择", "报告"]);
  assert.equal(node.widgets[0].tooltip, ZH.chooseAnewHelp);
});
