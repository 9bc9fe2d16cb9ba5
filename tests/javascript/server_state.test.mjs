import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerState } from "../../javascript/core/server_state.mjs";

const RUNNING = { stage: "empty", version: "1", job: { state: "running" } };
const DONE = { stage: "full", version: "2", job: { state: "done" } };
const WATCH = 700;

/** What stands in for the client: its calls give these in turn; errors are thrown. */
function giving(calls) {
  return Object.fromEntries(
    Object.entries(calls).map(([name, values]) => [
      name,
      async () => {
        const value = values.length > 1 ? values.shift() : values[0];
        if (value instanceof Error) throw value;
        return value;
      },
    ]),
  );
}

const settled = async () => {
  for (let k = 0; k < 20; k += 1) await Promise.resolve();
};

test("a look at the index that fails is forgotten with the next that does not", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const drawn = [];
  const news = [];
  const server = new ServerState(giving({ index: [RUNNING, new Error("gone"), DONE] }), {
    change: () => drawn.push(server.error?.message ?? null),
    news: () => news.push(server.index.version),
  });
  await server.watch();
  for (let k = 0; k < 2; k += 1) {
    context.mock.timers.tick(WATCH);
    await settled();
  }
  assert.deepEqual(drawn, [null, "gone", null]);
  assert.deepEqual(news, ["2"]);
});

test("the encoder is looked at again after a look that failed", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const job = (state) => ({ job: { state } });
  const calls = { start: [null], encoder: [job("running"), new Error("gone"), job("cancelled")] };
  const server = new ServerState(giving(calls), { change() {}, news() {} });
  await server.fetchEncoder();
  for (let k = 0; k < 2; k += 1) {
    context.mock.timers.tick(WATCH);
    await settled();
  }
  assert.equal(server.encoder.job.state, "cancelled");
});

test("a switch of the history is drawn as it is, done or failed", async () => {
  const drawn = [];
  const server = new ServerState(giving({ setHistory: [{ enabled: true }, new Error("read-only")] }), { change: () => drawn.push(server.history?.enabled), news() {} });
  await server.remember(true);
  await assert.rejects(server.remember(false), /read-only/);
  assert.deepEqual(drawn, [true, true]);
});
