/** Making elements. Texts become text nodes, never markup: names and descriptions come from strangers' files. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element: `make("button.lr-chip", {type: "button", onclick}, "text")`.
 * @param {string} what tag with classes, e.g. "div.lr-card"
 * @param {Record<string, any>} attributes functions become listeners, false and undefined are left out, true is empty
 * @param {...Child} children
 * @returns {any}
 */
export function make(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = ["svg", "circle", "line", "text", "path", "g", "title"].includes(tag)
    ? document.createElementNS(SVG, tag)
    : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  fill(element, ...children);
  return element;
}

/** Replace what an element holds. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  const wanted = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...wanted.map((child) => (child instanceof Node ? child : String(child))));
}

/** @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

/**
 * Whether an element must be drawn anew: what shows the same as before stays as it is, under the pointer and with the focus.
 * @param {Element} element @param {...unknown} shown all that it will show
 */
export function changed(element, ...shown) {
  const text = JSON.stringify(shown);
  if (drawn.get(element) === text) return false;
  drawn.set(element, text);
  return true;
}

/** The element that has the focus, also within shadow trees. @returns {HTMLElement | null} */
export function focusedElement() {
  let focused = /** @type {HTMLElement | null} */ (document.activeElement);
  while (focused?.shadowRoot?.activeElement) focused = /** @type {HTMLElement} */ (focused.shadowRoot.activeElement);
  return focused;
}

/**
 * Copy a text. Pages that came by plain http from another machine have no clipboard, but may copy what is selected.
 * @param {string} text @returns {Promise<boolean>} whether it was copied
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = focusedElement();
    const box = make("textarea", { readonly: true, "aria-hidden": "true" });
    Object.assign(box.style, { position: "fixed", opacity: "0" }); // nothing scrolls
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    focused?.focus({ preventScroll: true });
    return done;
  }
}

/** Icons: 16 x 16 outlines drawn with the text's colour. */
const ICONS = {
  like: "M8 13.5 2.9 8.4a3.2 3.2 0 0 1 4.6-4.5l.5.6.5-.6a3.2 3.2 0 0 1 4.6 4.5Z",
  hide: "M2 2l12 12M6.5 4a7 7 0 0 1 1.5-.2c4 0 6.5 4.2 6.5 4.2a12 12 0 0 1-1.7 2M4.2 5A12 12 0 0 0 1.5 8S4 12.2 8 12.2c1 0 1.9-.2 2.7-.6M6.6 6.6a2 2 0 0 0 2.8 2.8",
  dismiss: "M4 4l8 8M12 4l-8 8",
  similar: "M2.5 5.500h8v8h-8zM5.5 5.500v-3h8v8h-3",
  details: "M8 7.200v4M8 4.700v.1M8 1.800a6.2 6.2 0 1 0 0 12.400A6.2 6.2 0 0 0 8 1.800Z",
  back: "M9.5 3 4.5 8l5 5",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.6-3.900M13.5 1.500v3h-3",
  remove: "M3 8h10",
  settings: "M2 4.500h6M11 4.500h3M2 11.500h3M8 11.500h6M8 3v3h3V3zM5 10v3h3v-3z",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  return make("svg.lr-icon", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make("path", { d: ICONS[name] }));
}

/**
 * A button with a picture instead of words.
 * @param {keyof typeof ICONS} name @param {string} label @param {() => void} onclick @param {Record<string, any>} more
 */
export function iconButton(name, label, onclick, more = {}) {
  return make("button.lr-icon-button", { type: "button", title: label, "aria-label": label, onclick, ...more }, icon(name));
}
