/**
 * Push subscriptions and TURN servers as an application has them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { memoryStore } from "../../client/store.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { Secret } from "../../crypto/secret.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { isP256PublicKey } from "../../crypto/p256.ts";
import { listPushDevices } from "../../kv/push.ts";
import { newSubscriber, startPushService } from "../support/push_service.ts";
import { startService } from "../support/service.ts";
import { openCore, ORIGIN } from "../support/service_core.ts";

const PUSH = { contact: "mailto:ops@calls.example", hosts: [], isLoopbackAllowed: true };

Deno.test("a device that asked for it is woken, and one that took it back or has new keys is not", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv, push: PUSH });
  await using pushes = startPushService();
  const bob = await Client.open({ service: service.url, store: memoryStore() });
  try {
    await assert.rejects(bob.enablePush({}), { code: "not_registered" });
    await bob.register("bob");
    assert.ok(isP256PublicKey(await bob.pushKey()));
    const browser = newSubscriber();
    const subscription = pushes.subscription(browser);
    await assert.rejects(bob.enablePush({ ...subscription, keys: {} }), { code: "bad_option" });
    const elsewhere = { ...subscription, endpoint: "https://push.invalid/1" };
    await assert.rejects(bob.enablePush(elsewhere), { problem: "bad_subscription" });
    await bob.enablePush(subscription);
    const label = parseAccountLabel("bob");
    const subscribed = () => listPushDevices({ kv, origin: ORIGIN }, label);
    assert.deepEqual(await subscribed(), [1]);
    {
      await using other = await openCore(kv, { push: PUSH });
      other.push.wake(label, [1], 60_000);
      await pushes.sent(1);
      assert.equal(JSON.parse(browser.open(pushes.messages[0]!.body)).t, "ring");
    }
    await bob.rotateKeys();
    assert.deepEqual(await subscribed(), []);
    await bob.enablePush(subscription);
    assert.deepEqual(await subscribed(), [2]);
    await bob.disablePush();
    await bob.disablePush();
    assert.deepEqual(await subscribed(), []);
  } finally {
    bob.close();
  }
});

Deno.test("a service without Web Push says so", async () => {
  await using service = await startService();
  const bob = await Client.open({ service: service.url, store: memoryStore() });
  try {
    await assert.rejects(bob.pushKey(), { code: "refused", problem: "push_off" });
  } finally {
    bob.close();
  }
});

Deno.test("TURN servers are kept for four fifths of their life, each URL for itself", async () => {
  const secret = new Secret(utf8("a secret of some length"));
  const urls = ["stun:turn.example", "turn:turn.example:3478", "turns:turn.example?transport=tcp"];
  await using service = await startService({ turn: { urls, secret } });
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const bob = await Client.open({ service: service.url, store: memoryStore(), now });
  try {
    await bob.register("bob");
    const first = await bob.iceServers();
    assert.deepEqual(first.map((server) => server.urls), urls);
    assert.deepEqual(Object.keys(first[0]!), ["urls"]);
    assert.equal(first[1]!.username, first[2]!.username);
    const later = async (ms: number) => {
      aheadMs += ms;
      service.advance(ms);
      return (await bob.iceServers())[1]!.username;
    };
    assert.equal(await later(0), first[1]!.username);
    assert.equal(await later(2_820_000), first[1]!.username);
    const second = await later(120_000);
    assert.notEqual(second, first[1]!.username);
    assert.equal(await later(60_000), second);
  } finally {
    bob.close();
  }
});
