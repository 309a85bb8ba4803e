import assert from "node:assert/strict";
import { MAX_IDEMPOTENCY_KEY_CHARS } from "../../wire/limits.ts";
import { MAILBOX } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";

/** Leaves a message for somebody, with a key. */
async function leave(
  service: TestService,
  who: TestAccount,
  token: string,
  body: unknown,
  key: string,
): Promise<{ readonly said: string; readonly text: string }> {
  const path = messagesPath("bob");
  const headers = {
    ...await credentials(service, who, token, "POST", path),
    "idempotency-key": key,
  };
  const response = await sendJson(service, "POST", path, body, headers);
  const text = await response.text();
  return { said: response.ok ? String(response.status) : JSON.parse(text).code, text };
}

Deno.test("a POST with an Idempotency-Key is done once", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const bob = await registered(service, "bob");
  const token = await tokenOf(service, alice);
  const send = (body: unknown, key: string) => leave(service, alice, token, body, key);
  const first = await send({ id: "m1", ct: "AAAA" }, `"a key of mine"`);
  assert.equal(first.said, "202");
  assert.deepEqual(await send({ id: "m1", ct: "AAAA" }, `"a key of mine"`), first);
  const { said } = await send({ id: "m2", ct: "AAAA" }, `"a key of mine"`);
  assert.equal(said, "idempotency_mismatch");
  // The quotes of structured fields are no part of the key.
  assert.equal((await send({ id: "m3", ct: "AAAA" }, "k3")).said, "202");
  assert.equal((await send({ id: "m4", ct: "AAAA" }, `"k3"`)).said, "idempotency_mismatch");
  for (const key of [`""`, `"a`, "a b", `"${"k".repeat(MAX_IDEMPOTENCY_KEY_CHARS + 1)}"`]) {
    assert.equal((await send({ id: "m5", ct: "AAAA" }, key)).said, "malformed", key);
  }
  const headers = await credentials(service, bob, await tokenOf(service, bob), "GET", MAILBOX);
  const { entries } = await (await fetch(service.url + MAILBOX, { headers })).json();
  assert.equal(entries.length, 2);
});

Deno.test("a page of another site may send the header", async () => {
  await using service = await startService();
  const response = await fetch(service.url + MAILBOX, { method: "OPTIONS" });
  assert.match(response.headers.get("access-control-allow-headers")!, /Idempotency-Key/);
});
