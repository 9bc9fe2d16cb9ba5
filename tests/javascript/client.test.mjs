import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, isOutdated } from "../../javascript/core/client.mjs";

/** A server whose answers are given one by one. */
function server() {
  const asked = [];
  const fetch = (path, init) =>
    new Promise((resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      asked.push({ path, init, body: init.body && JSON.parse(init.body), answer: (value, status = 200) => resolve(Response.json(value, { status })), fail: reject });
    });
  return { asked, fetch };
}

test("the newest question wins", async () => {
  const { asked, fetch } = server();
  const client = new Client({ fetch });
  const first = client.suggest({ prompt: "a" });
  const second = client.suggest({ prompt: "ab" });
  asked[1].answer({ suggestions: [] });
  await assert.rejects(first, isOutdated);
  assert.deepEqual(await second, { suggestions: [] });
  assert.equal(asked[0].body.client, asked[1].body.client);
  assert.ok(asked[1].body.number > asked[0].body.number);
});

test("a prompt of any length is asked about, as far as the API takes it", async () => {
  const { asked, fetch } = server();
  const client = new Client({ fetch });
  void client.suggest({ prompt: `${"a".repeat(19_999)}\u{1f431}b`, negative: "b".repeat(30_000), base_model: "x" });
  void client.did({ kind: "like", prompt: "c".repeat(20_001) });
  assert.equal(asked[0].body.prompt, "a".repeat(19_999));
  assert.deepEqual([asked[0].body.negative.length, asked[1].body.prompt.length, asked[0].body.base_model], [20_000, 20_000, "x"]);
});

test("a wide question neither drops nor is dropped", async () => {
  const { asked, fetch } = server();
  const client = new Client({ fetch });
  const wide = client.suggestWide({ prompt: "a" });
  const live = client.suggest({ prompt: "a" });
  asked[0].answer(1);
  asked[1].answer(2);
  assert.deepEqual(await Promise.all([wide, live]), [1, 2]);
  assert.equal("client" in asked[0].body, false);
});

test("errors speak the server's sentence", async () => {
  const { asked, fetch } = server();
  const client = new Client({ fetch, token: "secret-secret-secret" });
  const calls = [client.index(), client.index(), client.index(), client.suggest({ prompt: "a" })];
  asked[0].answer({ error: { code: "not_indexed", message: "index first" } }, 409);
  asked[1].answer("<html>", 502);
  asked[2].fail(new TypeError("network"));
  asked[3].answer({ error: { code: "outdated", message: "newer" } }, 409);
  const errors = await Promise.all(calls.map((call) => call.catch((error) => error)));
  assert.deepEqual(errors.map((error) => [error.code, error.status]), [["not_indexed", 409], ["http", 502], ["unreachable", 0], ["outdated", 409]]);
  assert.equal(errors[0].message, "index first");
  assert.deepEqual(errors.map(isOutdated), [false, false, false, true]);
  assert.equal(asked[0].init.headers.Authorization, "Bearer secret-secret-secret");
});

test("changes are JSON, readings have no body", async () => {
  const { asked, fetch } = server();
  const client = new Client({ fetch, base: "/x" });
  void client.search("a & b", 5);
  void client.did({ kind: "like" });
  assert.equal(asked[0].path, "/x/loras?search=a+%26+b&limit=5");
  assert.equal(asked[0].init.body, undefined);
  assert.equal(asked[1].init.headers["Content-Type"], "application/json");
});
