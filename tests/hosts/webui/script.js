/* The globals that hosts of the family offer, as classic script. FLAVOUR is filled in by webui.py. */
const uiUpdateCallbacks = [];
const uiAfterUpdateCallbacks = [];
const uiLoadedCallbacks = [];

function gradioApp() {
  const elements = document.getElementsByTagName("gradio-app");
  const element = elements.length === 0 ? document : elements[0];
  return element.shadowRoot ? element.shadowRoot : element;
}
function onUiUpdate(callback) { uiUpdateCallbacks.push(callback); }
function onAfterUiUpdate(callback) { uiAfterUpdateCallbacks.push(callback); }
function onUiLoaded(callback) { uiLoadedCallbacks.push(callback); }
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

document.addEventListener("DOMContentLoaded", () => {
  let loaded = false;
  let later;
  new MutationObserver(() => {
    const field = gradioApp().querySelector("#settings_json textarea");
    if (field && field.value && field.value !== gradioApp.seen) {
      gradioApp.seen = field.value;
      opts = JSON.parse(field.value);
    }
    executeCallbacks(uiUpdateCallbacks);
    clearTimeout(later);
    later = setTimeout(() => executeCallbacks(uiAfterUpdateCallbacks), 200);
    if (!loaded && gradioApp().querySelector("#txt2img_prompt")) {
      loaded = true;
      executeCallbacks(uiLoadedCallbacks);
    }
  }).observe(gradioApp(), { childList: true, subtree: true });
});
