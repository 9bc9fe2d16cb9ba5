/**
 * ComfyUI's door: the nodes' reports and selections, the sidebar, settings and commands. All that happens is in the
 * modules beside it; the panel is loaded when its tab is first opened.
 */
import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { ComfyWidgets } from "../../../scripts/widgets.js";
import { languageOf } from "../core/texts.mjs";
import { RECOMMEND } from "./boxes.mjs";
import { ComfyClient } from "./client.mjs";
import { Filler } from "./fill.mjs";
import { Workflow } from "./host.mjs";
import { chooseAnew, keepSelection, sayBoxes, sendSelection } from "./node.mjs";
import { showReport } from "./report.mjs";
import { declared } from "./settings.mjs";
import { commands, tab, Tab } from "./tab.mjs";
import { speaker } from "./texts.mjs";
import { Watch } from "./watch.mjs";

const SHOWING = new Set([RECOMMEND, "LorarecSimilar"]);

const watch = new Watch();
const workflow = new Workflow({ app, api, LiteGraph: globalThis.LiteGraph }, watch);
const sidebar = new Tab({ app, api, LiteGraph: globalThis.LiteGraph }, workflow);
/** @type {Filler | undefined} */
let filler;

/** What nodes say is in ComfyUI's language. @returns {import("./texts.mjs").Say} */
const speech = () => speaker(languageOf(app.extensionManager?.setting?.get?.("Comfy.Locale")));

app.registerExtension({
  name: "lorarec.nodes",
  settings: declared((id, value) => sidebar.settingChanged(id, value)),
  commands: commands(app),
  aboutPageBadges: [{ label: "lorarec", url: "https://github.com/lorarec/lorarec", icon: "pi pi-github" }],

  /** @param {any} nodeType @param {{name: string}} nodeData */
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!SHOWING.has(nodeData.name)) return;
    const before = nodeType.prototype.onExecuted;
    /** @param {any} output */
    nodeType.prototype.onExecuted = function (output) {
      before?.apply(this, arguments);
      if (output?.text) showReport(this, filler?.report(this, output.text) ?? output.text.join("\n\n"), app, ComfyWidgets, speech());
      keepSelection(app, this, output?.selection);
    };
  },

  /** @param {any} node */
  nodeCreated(node) {
    watch.follow(node);
    if (node.comfyClass !== RECOMMEND) return;
    sendSelection(node);
    sayBoxes(node, speech());
    chooseAnew(app, node, speech());
  },

  afterConfigureGraph() {
    filler?.loaded(app.rootGraph ?? app.graph);
    workflow.changed();
  },

  setup() {
    /** @type {ComfyClient | undefined} */
    let client;
    filler = new Filler(app, api, () => (client ??= new ComfyClient(api)));
    document.addEventListener("focusin", (event) => workflow.focused(event.target));
    api.addEventListener("graphChanged", () => workflow.changed());
    for (const name of ["Comfy.Locale", "Comfy.ColorPalette"]) {
      app.ui?.settings?.addEventListener?.(`${name}.change`, () => setTimeout(() => sidebar.again()));
    }
    app.extensionManager?.registerSidebarTab?.(tab(sidebar, app.extensionManager.setting?.get?.("Comfy.Locale")));
  },
});
