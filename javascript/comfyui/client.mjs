/** The API's client by ComfyUI's own way to ask: below its address, as its user. */

import { Client } from "../core/client.mjs";

export class ComfyClient extends Client {
  /** @param {any} api ComfyUI's */
  constructor(api) {
    super({ fetch: (path, init) => api.fetchApi(path, init) });
    this._api = api;
  }

  /** @override @param {string} id @param {number} size */
  async preview(id, size) {
    return this._api.apiURL(await super.preview(id, size));
  }
}
