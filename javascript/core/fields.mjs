/** What the fields of a LoRA are called where it is told what each source says. */

const ZH = {
  title: "标题",
  version: "版本",
  author: "作者",
  description: "说明",
  notes: "备注",
  trigger_sets: "触发词",
  tags: "标签",
  user_tags: "您的标签",
  training_tags: "训练标签",
  examples: "示例提示词",
  base_models: "基础模型",
  roles: "类型",
  strengths: "强度",
  stats: "下载与评分",
  safety: "安全级别",
  rank: "网络维度",
  resolution: "训练分辨率",
  network: "网络类型",
  created: "发布日期",
  model_id: "模型编号",
  version_id: "版本编号",
  hashes: "哈希值",
  preview: "预览图",
  favorite: "收藏",
  excluded: "在其他工具中隐藏",
  partner: "成对的另一半",
  noise: "噪声部分",
};

/** Texts by language: `field_title` and so on. English calls a field by its own name. */
export const FIELDS = {
  en: Object.fromEntries(Object.keys(ZH).map((name) => [`field_${name}`, name.replaceAll("_", " ")])),
  zh: Object.fromEntries(Object.entries(ZH).map(([name, text]) => [`field_${name}`, text])),
};
