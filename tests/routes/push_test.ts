import assert from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { isP256PublicKey } from "../../crypto/p256.ts";
import { pushKeyFromWire } from "../../wire/push.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { newSubscriber, startPushService } from "../support/push_service.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";

const PUSH = { contact: "mailto:ops@calls.example", hosts: [], isLoopbackAllowed: true };

/** The code with which a request of somebody ends, or `ok`. */
async function outcome(
  service: TestService,
  account: TestAccount,
  method: string,
  path: string,
  body: unknown,
): Promise<string> {
  const headers = await credentials(
    service,
    account,
    await tokenOf(service, account),
    method,
    path,
  );
  const response = method === "DELETE"
    ? await fetch(service.url + path, { method, headers })
    : await sendJson(service, method, path, body, headers);
  if (response.status === 204) return "ok";
  return (await response.json()).code;
}

Deno.test("a device brings what its browser gives, for itself alone, and takes it away again", async () => {
  await using service = await startService({ push: PUSH });
  await using pushes = startPushService();
  const bob = await registered(service, "bob");
  const given = pushes.subscription(newSubscriber());
  const put = (path: string, body: unknown) => outcome(service, bob, "PUT", path, body);
  assert.equal(await put("/v1/push/1", given), "ok");
  assert.equal(await put("/v1/push/1", given), "ok");
  assert.equal(await put("/v1/push/2", given), "forbidden");
  assert.equal(await outcome(service, bob, "DELETE", "/v1/push/2", null), "forbidden");
  for (let i = 0; i < 2; i++) {
    assert.equal(await outcome(service, bob, "DELETE", "/v1/push/1", null), "ok");
  }
  const unsigned = await sendJson(service, "PUT", "/v1/push/1", given);
  assert.equal((await unsigned.json()).code, "unauthenticated");
});

Deno.test("what is no subscription is refused, and nothing is said back", async () => {
  await using service = await startService({ push: PUSH });
  const bob = await registered(service, "bob");
  const { keys } = newSubscriber();
  const [p256dh, auth] = [toBase64Url(keys.p256dh), toBase64Url(keys.auth)];
  const endpoint = "http://127.0.0.1:9/1";
  const bad: [unknown, string][] = [
    [{ endpoint, keys: { p256dh, auth }, user: "bob" }, "malformed"],
    [{ endpoint, keys: { p256dh, auth, more: "" } }, "malformed"],
    [{ endpoint, p256dh, auth }, "malformed"],
    [{ endpoint, keys: { p256dh: p256dh.slice(4), auth } }, "malformed"],
    [{ endpoint, keys: { p256dh, auth: `${auth}A` } }, "malformed"],
    [{ endpoint, keys: { p256dh, auth }, expirationTime: "soon" }, "malformed"],
    [{ endpoint: `${endpoint}${"a".repeat(2_048)}`, keys: { p256dh, auth } }, "malformed"],
    [{ endpoint: "http://169.254.169.254/", keys: { p256dh, auth } }, "bad_subscription"],
  ];
  for (const [body, code] of bad) {
    assert.equal(await outcome(service, bob, "PUT", "/v1/push/1", body), code);
  }
  const whole = { endpoint, expirationTime: Date.now() + 1_000, keys: { p256dh, auth } };
  for (let i = 0; i < 8; i++) {
    assert.equal(await outcome(service, bob, "PUT", "/v1/push/1", whole), "ok");
  }
  assert.equal(await outcome(service, bob, "PUT", "/v1/push/1", whole), "rate_limited");
});

Deno.test("the description has the key of subscriptions, and none where the service has no Web Push", async () => {
  const key = async (service: TestService) => {
    const response = await fetch(`${service.url}/.well-known/countersign`);
    return pushKeyFromWire(await response.json());
  };
  await using service = await startService({ push: PUSH });
  const known = await key(service);
  assert.ok(known !== null && isP256PublicKey(known));
  await using without = await startService();
  assert.equal(await key(without), null);
  const bob = await registered(without, "bob");
  const given = { endpoint: "https://fcm.googleapis.com/1", keys: newSubscriber().keys };
  const keys = { p256dh: toBase64Url(given.keys.p256dh), auth: toBase64Url(given.keys.auth) };
  assert.equal(await outcome(without, bob, "PUT", "/v1/push/1", { ...given, keys }), "push_off");
  assert.equal(await outcome(without, bob, "DELETE", "/v1/push/1", null), "ok");
});

Deno.test("a page of another site may ask for what it takes", async () => {
  await using service = await startService({ push: PUSH });
  const response = await fetch(`${service.url}/v1/push/1`, { method: "OPTIONS" });
  await response.body?.cancel();
  assert.match(response.headers.get("access-control-allow-methods")!, /\bDELETE\b/);
});
