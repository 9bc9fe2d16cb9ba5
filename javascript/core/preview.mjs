/** The picture of a LoRA: an image, or the first moment of a video, which never plays. */

import { make } from "./dom.mjs";

/**
 * @param {import("./types.mjs").Card} card that has a preview
 * @param {object} around
 * @param {import("./texts.mjs").Say} around.say
 * @param {() => Promise<string>} around.picture its address @param {() => string} around.video "": it cannot be shown
 * @param {() => void} around.nothing it cannot be shown after all
 * @param {(element: HTMLElement) => void} shown called with the element once its address is known
 */
export function preview(card, { say, picture, video, nothing }, shown) {
  const label = say("previewOf", { name: card.name });
  if (card.preview === "video") {
    const address = video();
    if (address) shown(still(address, label, nothing));
    return;
  }
  const image = make("img", { alt: label, loading: "lazy", decoding: "async" });
  image.addEventListener("error", nothing);
  image.addEventListener("load", () => image.src.startsWith("blob:") && URL.revokeObjectURL(image.src));
  picture().then((address) => {
    image.src = address;
    shown(image);
  }, nothing);
}

/**
 * A video that stands still. Nothing of it is loaded before it comes into sight.
 * @param {string} address @param {string} label @param {() => void} nothing
 */
function still(address, label, nothing) {
  const video = make("video", { role: "img", "aria-label": label, preload: "none", muted: true, playsinline: true, disablepictureinpicture: true, tabindex: -1 });
  video.muted = true;
  video.addEventListener("error", nothing);
  const sight = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    sight.disconnect();
    video.preload = "metadata";
    video.src = `${address}#t=0.1`; // a moment of it: without, some browsers show an empty frame
  });
  sight.observe(video);
  return video;
}
