/** Texts of ComfyUI's sidebar around the panel, in English and simplified Chinese. `{name}` is filled in. */

export const EN = {
  prompt: "Prompt",
  choose: "Which prompt?",
  several: "This workflow has several prompts. Choose one here, or click into its text box.",
  noPrompt: "No prompt found. Click into the text box that you write in.",
  unnamed: "(empty)",
  pin: "Pin: keep to this prompt unless a text box has the focus",
  unpin: "Unpin",
  find: "Show it on the canvas",
  noPlace: "There is nowhere to insert it: no model is linked to a sampler of this prompt. Link one, or set “Insert LoRAs” to tags.",
  notListed: "ComfyUI does not list {name} yet. Press R to refresh its lists, then insert again.",
  halfHigh: "Only its high-noise half is inserted: this workflow does not tell where the low-noise half belongs ({low}).",
  halfLow: "Only its low-noise half is inserted: this workflow has no high-noise model for the other one ({high}).",
  halfTag: "Only its high-noise half is inserted: a tag does not say which model it is for ({low}).",
  halfUnlinked: "Its low-noise half comes out at LORA_STACK_LOW of the Recommend LoRAs node, which is not linked.",
  noNode: "ComfyUI makes no {kind} node.",
  chooseAnew: "choose anew",
  chooseAnewHelp: "Empty the selection: LoRAs are chosen again when the workflow runs.",
  selectionBox: "Chosen LoRAs (empty: choose when the workflow runs)",
  negativeBox: "Negative prompt",
  report: "report",
  unreadable: "The selection of the Recommend LoRAs node cannot be read. Mend or empty it first.",
};

/** @type {Record<keyof typeof EN, string>} */
export const ZH = {
  prompt: "提示词",
  choose: "哪个提示词？",
  several: "此工作流有多个提示词。请在此选择，或点击其文本框。",
  noPrompt: "未找到提示词。请点击您正在编写的文本框。",
  unnamed: "（空）",
  pin: "固定：除非文本框获得焦点，否则一直使用此提示词",
  unpin: "取消固定",
  find: "在画布上显示",
  noPlace: "无处可插入：此提示词的采样器未连接模型。请先连接模型，或将“插入 LoRA”设为标签。",
  notListed: "ComfyUI 尚未列出 {name}。请按 R 刷新列表后重试。",
  halfHigh: "仅插入高噪声部分：此工作流未说明低噪声部分应放在何处（{low}）。",
  halfLow: "仅插入低噪声部分：此工作流没有用于另一部分的高噪声模型（{high}）。",
  halfTag: "仅插入高噪声部分：标签无法说明用于哪个模型（{low}）。",
  halfUnlinked: "低噪声部分由“推荐 LoRA”节点的 LORA_STACK_LOW 输出，该输出尚未连接。",
  noNode: "ComfyUI 无法创建 {kind} 节点。",
  chooseAnew: "重新选择",
  chooseAnewHelp: "清空选择：工作流运行时会重新选择 LoRA。",
  selectionBox: "已选的 LoRA（留空则在工作流运行时选择）",
  negativeBox: "反向提示词",
  report: "报告",
  unreadable: "“推荐 LoRA”节点的选择内容无法读取。请先修正或清空。",
};

/** Texts that the panel says differently here, by language. */
export const PANEL = {
  en: {
    unreachable: "ComfyUI does not answer. Is it still running?",
    languageAuto: "as ComfyUI",
    empty: "Suggestions from your own LoRAs appear here as you write into the workflow’s prompt.",
  },
  zh: { unreachable: "ComfyUI 没有响应。它是否仍在运行？", languageAuto: "跟随 ComfyUI", empty: "在工作流的提示词中输入时，这里会显示您已安装的 LoRA 中的推荐。" },
};

/** @typedef {keyof typeof EN} TextName */
/** @typedef {(name: TextName, values?: Record<string, string>) => string} Say */

/** @param {"en" | "zh"} language @returns {Say} */
export function speaker(language) {
  const texts = language === "zh" ? ZH : EN;
  return (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}
