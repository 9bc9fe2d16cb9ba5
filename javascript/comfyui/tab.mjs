/** The sidebar tab as ComfyUI knows it. What is in it is loaded when it is first opened, and gone while it is closed. */

import { preferences } from "./settings.mjs";

/** @typedef {import("./host.mjs").Comfy} Comfy */

const ID = "lorarec";

export class Tab {
  /** @param {Comfy} comfy @param {import("./host.mjs").Workflow} workflow */
  constructor(comfy, workflow) {
    this._comfy = comfy;
    this._workflow = workflow;
    /** @type {ReturnType<typeof preferences> | null} */
    this._preferences = null;
    /** @type {HTMLElement | null} */
    this._element = null;
    /** @type {(() => void) | null} */
    this._remove = null;
    this._time = 0; // counts openings: the module may arrive when the tab is closed again
  }

  /** @param {HTMLElement} element */
  async open(element) {
    this.close();
    this._element = element;
    const time = this._time;
    const { show } = await import("./sidebar.mjs");
    if (time !== this._time || this._element !== element) return;
    this._preferences ??= preferences(this._comfy.app.extensionManager.setting);
    this._remove = show(element, this._comfy, this._workflow, this._preferences);
  }

  close() {
    this._time += 1;
    this._remove?.();
    this._remove = null;
    this._element = null;
  }

  /** Show it anew, as it is set now. */
  again() {
    if (this._element && this._remove) void this.open(this._element);
  }

  /** @param {string} id @param {any} value */
  settingChanged(id, value) {
    if (!this._remove || this._preferences?.wrote(id, value)) return;
    if (id !== "lorarec.insert" && id !== "lorarec.pause") this.again();
  }
}

/** @param {Tab} sidebar @param {string | undefined} locale ComfyUI's language @returns {object} for `registerSidebarTab` */
export function tab(sidebar, locale) {
  return {
    ...{ id: ID, type: "custom", title: "LoRAs", tooltip: locale?.startsWith("zh") ? "LoRA 推荐" : "LoRA suggestions", icon: "pi pi-sparkles" },
    render: (/** @type {HTMLElement} */ element) => void sidebar.open(element),
    destroy: () => sidebar.close(),
  };
}

/** @param {any} app @returns {object[]} */
export function commands(app) {
  return [
    {
      ...{ id: "lorarec.open", label: "LoRA suggestions: open the sidebar", icon: "pi pi-sparkles" },
      function: () => {
        const { sidebarTab, command } = app.extensionManager;
        if (sidebarTab?.activeSidebarTabId === ID) return;
        if (sidebarTab?.toggleSidebarTab) sidebarTab.toggleSidebarTab(ID);
        else command?.execute?.(`Workspace.ToggleSidebarTab.${ID}`);
      },
    },
  ];
}
