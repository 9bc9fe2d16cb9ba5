/** The door of the Stable Diffusion WebUI family: its pages load every javascript/*.mjs of an extension. */

import { start } from "./webui/start.mjs";

start();
