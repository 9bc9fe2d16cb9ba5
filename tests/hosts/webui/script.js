/* The globals that hosts of the family offer, as classic script. FLAVOUR is filled in by webui.py. */
const uiUpdateCallbacks = [];
const uiAfterUpdateCallbacks = [];
const uiLoadedCallbacks = [];
const optionsChangedCallbacks = [];

function gradioApp() {
  const elements = document.getElementsByTagName("gradio-app");
  const element = elements.length === 0 ? document : elements[0];
  return element.shadowRoot ? element.shadowRoot : element;
}
function onUiUpdate(callback) { uiUpdateCallbacks.push(callback); }
function onAfterUiUpdate(callback) { uiAfterUpdateCallbacks.push(callback); }
function onUiLoaded(callback) { uiLoadedCallbacks.push(callback); }
function onOptionsChanged(callback) { optionsChangedCallbacks.push(callback); }
function onUiTabChange() {}
function updateInput(target) {
  const event = new Event("input", { bubbles: true });
  Object.defineProperty(event, "target", { value: target });
  target.dispatchEvent(event);
}
function executeCallbacks(queue) {
  for (const callback of queue) {
    try {
      callback();
    } catch (error) {
      console.error("error running callback", error);
    }
  }
}

/* Settings come in a hidden field. What it says at first is as old as the page; the new value comes without an event. */
function watchOptions(field) {
  field.watched = true;
  opts = JSON.parse(field.value);
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
  Object.defineProperty(field, "value", {
    get,
    set(text) {
      const before = get.call(this);
      set.call(this, text);
      if (before === get.call(this)) return;
      opts = JSON.parse(text);
      executeCallbacks(optionsChangedCallbacks);
    },
  });
}

document.addEventListener("DOMContentLoaded", () => {
  let loaded = false;
  let later;
  new MutationObserver(() => {
    const field = gradioApp().querySelector("#settings_json textarea");
    if (field && field.value && !field.watched) watchOptions(field);
    executeCallbacks(uiUpdateCallbacks);
    clearTimeout(later);
    later = setTimeout(() => executeCallbacks(uiAfterUpdateCallbacks), 200);
    if (!loaded && gradioApp().querySelector("#txt2img_prompt")) {
      loaded = true;
      executeCallbacks(uiLoadedCallbacks);
    }
  }).observe(gradioApp(), { childList: true, subtree: true });
});
