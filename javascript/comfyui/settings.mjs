/** Our settings in ComfyUI's own dialog, and the panel's `Preferences` kept in them, so that both always agree. */

/** @typedef {import("../core/types.mjs").Preferences} Preferences */

const LEVELS = ["safe", "suggestive", "mature", "explicit"];
const AS_HOST = "auto"; // the panel writes "" for the host's language

/** What becomes of more explicit previews, likewise. @type {{value: string, text: string}[]} */
const COVERS = [
  { value: "blur", text: "blur the preview" },
  { value: "omit", text: "show no preview" },
  { value: "exclude", text: "do not suggest" },
];

/** Ways to insert, by the setting's value. @type {{value: string, text: string}[]} */
const WAYS = [
  { value: "auto", text: "automatic" },
  { value: "recommend", text: "Recommend LoRAs node" },
  { value: "rows", text: "Power Lora Loader, LoRA Manager or stack" },
  { value: "loader", text: "new LoraLoader node" },
  { value: "tag", text: "<lora:…> tag in the text" },
];

/**
 * The settings as ComfyUI wants them declared.
 * @param {(id: string, value: any) => void} changed also called for each as ComfyUI starts
 */
export function declared(changed) {
  const about = [
    { name: "auto", label: "Suggest by itself after every pause in typing", type: "boolean", defaultValue: true },
    { name: "pause", label: "Pause before suggesting (ms)", type: "number", defaultValue: 400, attrs: { min: 100, max: 10_000, step: 50 } },
    { name: "top", label: "Number of suggestions", type: "number", defaultValue: 6, attrs: { min: 1, max: 200, step: 1 } },
    { name: "blur", label: "Most explicit previews", type: "combo", defaultValue: "suggestive", options: LEVELS },
    { name: "cover", label: "More explicit ones", type: "combo", defaultValue: "blur", options: COVERS },
    { name: "language", label: "Language", type: "combo", defaultValue: AS_HOST, options: [{ value: AS_HOST, text: "as ComfyUI" }, { value: "en", text: "English" }, { value: "zh", text: "简体中文" }] },
    {
      ...{ name: "insert", label: "Insert LoRAs", type: "combo", defaultValue: "auto", options: WAYS },
      tooltip: "automatic: into a Recommend LoRAs node, a Power Lora Loader, LoRA Manager loader or LoRA stack of the workflow, as tag where it works with tags, else as a new LoraLoader node. What a workflow does not have is passed over.",
    },
  ];
  // ComfyUI shows the settings of a category from the last declared to the first.
  return about.reverse().map(({ name, label, ...rest }) => {
    const id = `lorarec.${name}`;
    return { id, name: label, category: ["lorarec", "LoRA suggestions", name], ...rest, onChange: (/** @type {any} */ value) => changed(id, value) };
  });
}

/**
 * @param {any} setting ComfyUI's `extensionManager.setting`
 * @returns {Preferences & {wrote: (id: string, value: any) => boolean}} `wrote`: whether a change is what was set here
 */
export function preferences(setting) {
  /** @type {Map<string, any>} */
  const written = new Map();
  return {
    get(name) {
      const value = setting.get(`lorarec.${name}`);
      if (value === undefined || value === null) return null;
      if (typeof value === "boolean") return value ? "on" : "off";
      return name === "language" && value === AS_HOST ? "" : String(value);
    },
    set(name, text) {
      const before = setting.get(`lorarec.${name}`);
      const value = typeof before === "boolean" ? text === "on" : typeof before === "number" ? Number(text) : name === "language" && !text ? AS_HOST : text;
      written.set(`lorarec.${name}`, value);
      void setting.set(`lorarec.${name}`, value);
    },
    wrote(id, value) {
      const mine = written.has(id) && written.get(id) === value;
      written.delete(id);
      return mine;
    },
  };
}
