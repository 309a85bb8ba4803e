/**
 * Pushes against a real push service, honest and lying, with the browser's side of the cryptography.
 *
 * @module
 */

import assert from "node:assert/strict";
import { importJWK, jwtVerify } from "jose";
import { type OpenContext } from "../../core/context.ts";
import { type PushSettings } from "../../core/push_settings.ts";
import { currentPush, subscribePush, unsubscribePush } from "../../core/push_subscription.ts";
import { register } from "../../core/registration.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type VerifyingKey } from "../../crypto/keys.ts";
import { listPushDevices } from "../../kv/push.ts";
import { grep, textNeedle } from "../support/grep.ts";
import {
  newSubscriber,
  type PushService,
  startPushService,
  type Subscriber,
} from "../support/push_service.ts";
import { follow, newDevice, previous, self } from "../support/records.ts";
import { newAccount, openCore } from "../support/service_core.ts";
import { eventually } from "../support/werift.ts";

const CONTACT = "mailto:ops@calls.example";
const BOUNDS = { timeoutMs: 2_000, retryMs: 4, perService: 100 };

/** Somebody with one device. */
interface Person {
  readonly account: AccountLabel;
  readonly deviceId: number;
  readonly signing: VerifyingKey;
}

/** A service that pushes, a push service, and a clock. */
interface World {
  readonly ctx: OpenContext;
  readonly service: PushService;
  readonly reports: readonly string[];
  nowMs: number;
  person(name: string): Promise<Person>;
  subscribe(person: Person, subscriber: Subscriber, path?: string, expMs?: number): Promise<void>;
  counted(outcome: string, count: number): Promise<void>;
}

async function withWorld(
  story: (world: World) => Promise<void>,
  change: Partial<PushSettings> = {},
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  await using service = startPushService();
  const reports: string[] = [];
  const push = { contact: CONTACT, hosts: [], isLoopbackAllowed: true, bounds: BOUNDS, ...change };
  const clock = { nowMs: Date.now() };
  const report = (line: string) => void reports.push(line);
  await using ctx = await openCore(kv, { now: () => clock.nowMs, report, push });
  const world: Omit<World, "nowMs"> = {
    ctx,
    service,
    reports,
    async person(name) {
      const { label, record, keys } = await newAccount(name, { issuedMs: clock.nowMs });
      await register(ctx, label, record, null);
      return { account: label, deviceId: 1, signing: keys.signing.publicKey };
    },
    async subscribe(person, { keys }, path = "/push/1", expMs) {
      const endpoint = `${service.url}${path}`;
      await subscribePush(ctx, person, { ...keys, endpoint, expMs: expMs ?? null });
    },
    async counted(outcome, count) {
      const line = new RegExp(`^countersign_pushes_total{outcome="${outcome}"} ([0-9]+)$`, "m");
      for (let tries = 0;; tries++) {
        const found = Number(line.exec(await ctx.metrics.text())?.[1] ?? 0);
        if (found === count) return;
        assert.ok(tries < 600 && found < count, `${found} of ${count} were ${outcome}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
  await story(Object.assign(clock, world));
}

Deno.test("a push says who sends and nothing else: to its service, and to whoever opens it", () =>
  withWorld(async ({ ctx, service, person, subscribe, counted, nowMs }) => {
    const [bob, browser] = [await person("bob.the.callee"), newSubscriber()];
    await subscribe(bob, browser);
    ctx.push.wake(bob.account, [1, 2], 60_000);
    ctx.push.wake(bob.account, [1], 45_500);
    await counted("delivered", 2);
    const needles = [
      textNeedle("the label", "bob.the.callee"),
      textNeedle("the log", ctx.origin),
      { name: "the device", bytes: bob.signing },
    ];
    const said = service.messages.map(({ body }) => JSON.parse(browser.open(body)));
    for (const [i, { body, headers, path }] of service.messages.entries()) {
      assert.deepEqual(Object.keys(said[i]), ["t", "id"]);
      assert.equal(said[i].t, "ring");
      assert.match(said[i].id, /^[A-Za-z0-9_-]{22}$/);
      assert.equal(path, "/push/1");
      assert.equal(headers.get("content-encoding"), "aes128gcm");
      assert.equal(headers.get("urgency"), "high");
      assert.equal(headers.get("topic"), "ring");
      const token = /^vapid t=([^,]+), k=(.+)$/.exec(headers.get("authorization")!)!;
      const point = fromBase64Url(token[2]!)!;
      assert.deepEqual(point, ctx.keys.vapid.publicKey);
      const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(toBase64Url);
      const key = await importJWK({ kty: "EC", crv: "P-256", x: x!, y: y! }, "ES256");
      const { payload } = await jwtVerify(token[1]!, key, {
        audience: service.url,
        subject: CONTACT,
        algorithms: ["ES256"],
      });
      assert.deepEqual(Object.keys(payload).sort(), ["aud", "exp", "sub"]);
      assert.ok(payload.exp! * 1000 - nowMs <= 12 * 3_600_000);
      const texts = [...headers].flat().concat(browser.open(body), atob(token[1]!.split(".")[1]!));
      assert.deepEqual(grep(texts, needles), []);
      // Salt, header and key, the padded text with its end, and the tag.
      assert.equal(body.length, 86 + 128 + 1 + 16);
    }
    assert.notEqual(said[0].id, said[1].id);
    const ttls = service.messages.map(({ headers }) => headers.get("ttl")).sort();
    assert.deepEqual(ttls, ["46", "60"]);
  }));

Deno.test("a removed device's subscription is never used, and goes with the device", () =>
  withWorld(async ({ ctx, service, subscribe, counted }) => {
    const first = await newDevice({ origin: ctx.origin, label: "bob" as AccountLabel }, 1, {
      addedMs: ctx.now(),
    });
    const made = await newAccount("bob", { issuedMs: ctx.now(), keys: first.keys });
    await register(ctx, made.label, made.record, null);
    const bob = { account: made.label, deviceId: 1, signing: first.keys.signing.publicKey };
    await subscribe(bob, newSubscriber());
    assert.equal(await ctx.push.canWake(bob.account, [1]), true);
    // While it is tried again, the device is removed.
    const removed = Promise.withResolvers<void>();
    service.answer = async () => {
      await removed.promise;
      return new Response(null, { status: 503 });
    };
    ctx.push.wake(bob.account, [1], 60_000);
    await service.sent(1);
    const before = (await ctx.accounts.record(made.label))!;
    const second = await newDevice(made.id, 2, { addedMs: ctx.now() });
    const entry = before.devices[0]!;
    const update = await follow(before, "update", [second], [
      self(second),
      previous({ ...entry, keys: first.keys }),
    ]);
    await register(ctx, made.label, update, null);
    assert.deepEqual(await listPushDevices(ctx, made.label), []);
    removed.resolve();
    service.answer = () => new Response(null, { status: 201 });
    // Long enough for another try, if there were one.
    await new Promise((resolve) => setTimeout(resolve, 20 * BOUNDS.retryMs));
    ctx.push.wake(bob.account, [1, 2], 60_000);
    // A row that was left there, as by a store that was restored, is as good as none.
    await subscribe({ account: made.label, deviceId: 2, signing: bob.signing }, newSubscriber());
    assert.equal(await currentPush(ctx, ctx.accounts, made.label, 2), null);
    ctx.push.wake(bob.account, [2], 60_000);
    await subscribe({ ...bob, deviceId: 2, signing: second.entry.signing }, newSubscriber(), "/2");
    ctx.push.wake(bob.account, [2], 60_000);
    await counted("delivered", 1);
    assert.deepEqual(service.messages.map(({ path }) => path), ["/push/1", "/2"]);
  }));

Deno.test("a subscription that its push service no longer knows, or that has ended, is forgotten", () =>
  withWorld(async (world) => {
    const { ctx, service, person, subscribe, counted } = world;
    const bob = await person("bob");
    for (const [i, status] of [404, 410].entries()) {
      await subscribe(bob, newSubscriber());
      service.answer = () => new Response(null, { status });
      ctx.push.wake(bob.account, [1], 60_000);
      await counted("gone", i + 1);
      assert.equal(await ctx.push.canWake(bob.account, [1]), false);
      assert.deepEqual(await listPushDevices(ctx, bob.account), []);
    }
    await subscribe(bob, newSubscriber(), "/ended", ctx.now() + 1_000);
    world.nowMs += 1_000;
    ctx.push.wake(bob.account, [1], 60_000);
    assert.equal(await ctx.push.canWake(bob.account, [1]), false);
    assert.deepEqual(await listPushDevices(ctx, bob.account), []);
    await subscribe(bob, newSubscriber());
    await unsubscribePush(ctx, bob);
    ctx.push.wake(bob.account, [1], 60_000);
    assert.equal(await ctx.push.canWake(bob.account, [1]), false);
    assert.deepEqual(service.messages.map(({ path }) => path), ["/push/1", "/push/1"]);
  }));

Deno.test("a subscription that came while the one before was found gone stays", () =>
  withWorld(async ({ ctx, service, person, subscribe, counted }) => {
    const bob = await person("bob");
    await subscribe(bob, newSubscriber(), "/old");
    service.answer = async () => {
      await subscribe(bob, newSubscriber(), "/new");
      return new Response(null, { status: 410 });
    };
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("gone", 1);
    assert.equal(await ctx.push.canWake(bob.account, [1]), true);
  }));

Deno.test("a push service that is busy is asked again in time, and not after it", () =>
  withWorld(async (world) => {
    const { ctx, service, person, subscribe, counted } = world;
    const bob = await person("bob");
    await subscribe(bob, newSubscriber());
    const busy = (status: number, headers = {}) => new Response(null, { status, headers });
    service.answer = () => service.messages.length < 3 ? busy(429) : busy(201);
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("delivered", 1);
    assert.equal(service.messages.length, 3);
    // It says itself when to come again: then it is too late.
    service.answer = () => busy(503, { "retry-after": "61" });
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("failed", 1);
    assert.equal(service.messages.length, 4);
    service.answer = () => busy(500);
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("failed", 2);
    assert.equal(service.messages.length, 4 + 5);
    // What it does not want is not sent again, and the operator is told once.
    service.answer = () => busy(403);
    for (const count of [1, 2]) {
      ctx.push.wake(bob.account, [1], 60_000);
      await counted("refused", count);
    }
    assert.equal(service.messages.length, 11);
    const sentence = `Push service ${service.url} refused a message with status 403`;
    assert.deepEqual(world.reports, [sentence]);
    assert.equal(await ctx.push.canWake(bob.account, [1]), true);
  }));

Deno.test("a push service that lies harms nobody: it redirects, never ends, never answers", async () => {
  const inside: string[] = [];
  await using internal = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => {
      inside.push(url);
      return new Response("secret");
    },
  );
  await withWorld(async ({ ctx, service, person, subscribe, counted }) => {
    const [bob, carol] = [await person("bob"), await person("carol")];
    await subscribe(bob, newSubscriber());
    for (const [i, status] of [301, 302, 303, 307, 308].entries()) {
      const location = `http://127.0.0.1:${internal.addr.port}/admin`;
      service.answer = () => new Response(null, { status, headers: { location } });
      ctx.push.wake(bob.account, [1], 60_000);
      await counted("refused", i + 1);
    }
    assert.deepEqual(inside, []);
    let sent = 0;
    let isCut = false;
    const body = () =>
      new ReadableStream({
        pull(controller) {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
        cancel: () => void (isCut = true),
      });
    service.answer = () => new Response(body(), { status: 201 });
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("delivered", 1);
    await eventually(() => isCut);
    assert.ok(sent < 16_000_000, `${sent} bytes`);
    const never = Promise.withResolvers<Response>();
    service.answer = ({ path }) =>
      path === "/never" ? never.promise : new Response(null, { status: 201 });
    await subscribe(bob, newSubscriber(), "/never");
    await subscribe(carol, newSubscriber(), "/works");
    ctx.push.wake(bob.account, [1], 100);
    ctx.push.wake(carol.account, [1], 60_000);
    await counted("delivered", 2);
    await counted("failed", 1);
    never.resolve(new Response());
  }, { bounds: { timeoutMs: 120, retryMs: 4, perService: 100 } });
});

Deno.test("what is under way to one push service is bounded, and keeps nobody from another", async () => {
  await using other = startPushService();
  await withWorld(async ({ ctx, service, person, subscribe, counted }) => {
    const people = await Promise.all(["bob", "carol", "dave", "erin"].map(person));
    const never = Promise.withResolvers<Response>();
    service.answer = () => never.promise;
    for (const one of people.slice(0, 3)) await subscribe(one, newSubscriber());
    const { keys } = newSubscriber();
    const endpoint = `${other.url}/push/1`;
    await subscribePush(ctx, people[3]!, { ...keys, endpoint, expMs: null });
    for (const { account } of people) ctx.push.wake(account, [1], 60_000);
    await counted("dropped", 1);
    await counted("delivered", 1);
    assert.equal(other.messages.length, 1);
    await service.sent(2);
    assert.equal(service.messages.length, 2);
    // Nobody waits for those when the service stops.
    await ctx.push.close();
    never.resolve(new Response());
    await counted("failed", 2);
  }, { bounds: { timeoutMs: 60_000, retryMs: 4, perService: 2 } });
});

Deno.test("a device is woken so often at once, and again after a while", () =>
  withWorld(async (world) => {
    const { ctx, service, person, subscribe, counted } = world;
    const bob = await person("bob");
    await subscribe(bob, newSubscriber());
    for (let i = 0; i < 13; i++) ctx.push.wake(bob.account, [1], 60_000);
    await counted("dropped", 3);
    await counted("delivered", 10);
    world.nowMs += 10_000;
    ctx.push.wake(bob.account, [1], 60_000);
    await counted("delivered", 11);
    assert.equal(service.messages.length, 11);
  }));

Deno.test("a subscription at any other place, or with a key that is none, is refused", () =>
  withWorld(async ({ ctx, person }) => {
    const bob = await person("bob");
    const { keys } = newSubscriber();
    const refused = async (endpoint: string, given = keys) => {
      const subscription = { ...given, endpoint, expMs: null };
      await assert.rejects(subscribePush(ctx, bob, subscription), { code: "bad_subscription" });
    };
    for (
      const endpoint of [
        "http://push.example/1",
        "http://127.0.0.1:9/1",
        "https://127.0.0.1/1",
        "https://[::1]/1",
        "https://push.example:8443/1",
        "https://me@push.example/1",
        "https://push.example.evil.example/1",
        "https://notpush.example/1",
        "https://push.example./1",
        "https://wild.example/1",
        "ftp://push.example/1",
        "push.example",
        "",
      ]
    ) await refused(endpoint);
    const off = Uint8Array.from(keys.p256dh);
    off[40]! ^= 1;
    await refused("https://push.example/1", { ...keys, p256dh: off });
    for (const endpoint of ["https://push.example/1", "https://a.b.wild.example/2?x=y"]) {
      await subscribePush(ctx, bob, { ...keys, endpoint, expMs: null });
    }
  }, { hosts: ["push.example", "*.wild.example"], isLoopbackAllowed: false }));
