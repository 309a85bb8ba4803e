/**
 * Mailboxes over HTTP, for whoever has no socket.
 *
 * @module
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes, sha256 } from "../../crypto/primitives.ts";
import { MAX_MAIL_WAITERS } from "../../wire/limits.ts";
import { type MailboxWire } from "../../wire/mail.ts";
import { DELIVERY_TOKEN, MAILBOX } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";

type Ask = (method: string, path: string, body?: unknown) => Promise<Response>;

async function asking(service: TestService, who: TestAccount): Promise<Ask> {
  const token = await tokenOf(service, who);
  return async (method, path, body) => {
    const headers = await credentials(service, who, token, method, path.split("?")[0]!);
    if (body !== undefined) return await sendJson(service, method, path, body, headers);
    return await fetch(service.url + path, { method, headers });
  };
}

async function codeOf(response: Response): Promise<string> {
  const text = await response.text();
  return response.ok ? String(response.status) : JSON.parse(text).code;
}

async function entriesOf(response: Response): Promise<MailboxWire["entries"]> {
  return (await response.json() as MailboxWire).entries;
}

async function two(service: TestService): Promise<[Ask, Ask]> {
  const alice = await asking(service, await registered(service, "alice"));
  return [alice, await asking(service, await registered(service, "bob"))];
}

Deno.test("a message is left, waited for, read as often as one likes, and removed", async () => {
  await using service = await startService();
  const [alice, bob] = await two(service);
  const waited = bob("GET", `${MAILBOX}?wait=10000`);
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 300));
  equal(await codeOf(await alice("POST", messagesPath("bob"), { id: "m1", ct: "AAAA" })), "202");
  const [entry] = await entriesOf(await waited);
  ok(performance.now() - started < 5_000, "it came by the bell");
  ok(entry?.t === "mail" && entry.kind === "message" && entry.from === "alice");
  equal(entry.ct, "AAAA");
  equal((await entriesOf(await bob("GET", MAILBOX))).length, 1);
  equal(await codeOf(await alice("DELETE", `${MAILBOX}/${entry.entry}`)), "204");
  equal((await entriesOf(await bob("GET", MAILBOX))).length, 1, "it is not Alice's to remove");
  equal(await codeOf(await bob("DELETE", `${MAILBOX}/${entry.entry}`)), "204");
  deepEqual(await entriesOf(await bob("GET", `${MAILBOX}?wait=50`)), []);
});

Deno.test("strangers, wrong devices and bad requests are refused", async () => {
  await using service = await startService();
  const [alice, bob] = await two(service);
  equal(await codeOf(await fetch(service.url + MAILBOX)), "unauthenticated");
  const put = async (to: string, body: unknown) =>
    await codeOf(await alice("POST", messagesPath(to), body));
  equal(await put("alice", { id: "m", ct: "AAAA" }), "self_call");
  equal(await put("nobody", { id: "m", ct: "AAAA" }), "name_not_found");
  equal(await put("bob", { id: "m", ct: "AAAA", device: 9 }), "stale_devices");
  for (
    const body of [
      { id: "m" },
      { id: "", ct: "AAAA" },
      { id: "m", ct: "" },
      { id: "m", ct: "AAA!" },
      { id: "m", ct: "AAAA", ttl_ms: 604_800_001 },
      { id: "m", ct: "AAAA", more: 1 },
    ]
  ) equal(await put("bob", body), "malformed");
  for (const wait of ["x", "-1", "25001", "1e3"]) {
    equal(await codeOf(await bob("GET", `${MAILBOX}?wait=${wait}`)), "malformed");
  }
  equal(await put("bob", { id: "m1", ct: "AAAA" }), "202");
  equal(await put("bob", { id: "m2", ct: "AAAA", device: 1 }), "202");
  equal(await put("bob", { id: "m3", ct: "AAAA" }), "no_right_to_send");
  const token = randomBytes(32);
  const hash = toBase64Url(sha256(token));
  equal(await codeOf(await bob("PUT", DELIVERY_TOKEN, { hash })), "204");
  const delivery_token = toBase64Url(token);
  equal(await put("bob", { id: "m3", ct: "AAAA", delivery_token }), "202");
});

Deno.test("of those who wait for mail, some are too many, and a service that stops answers them", async () => {
  await using service = await startService();
  const [, bob] = await two(service);
  const waiting = Array.from(
    { length: MAX_MAIL_WAITERS },
    () => bob("GET", `${MAILBOX}?wait=9000`),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  equal(await codeOf(await bob("GET", `${MAILBOX}?wait=9000`)), "rate_limited");
  equal(await codeOf(await bob("GET", MAILBOX)), "200");
  const started = performance.now();
  await service.drain();
  deepEqual(await Promise.all(waiting.map(async (one) => (await entriesOf(await one)).length)), [
    0,
    0,
    0,
    0,
  ]);
  ok(performance.now() - started < 3_000);
});
