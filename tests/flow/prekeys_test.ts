/**
 * Prekeys over days and mishaps: a set a day at a time that nobody can foretell, a service or a device
 * that was restored from a backup, and a service that lies about what a device published.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type SetName } from "../../client/prekey_sets.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { fileStore } from "../../client/store_file.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { decodePrekeySet } from "../../crypto/prekey.ts";
import { type BundlesWire, type BundleWire } from "../../wire/directory.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { type Liar, startLiar } from "../support/liar.ts";
import { read } from "../support/raw_store.ts";
import { refuses } from "../support/refuses.ts";
import { ringing } from "../support/second_device.ts";
import { startService, type TestService } from "../support/service.ts";
import { ORIGIN } from "../support/service_core.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/witnessed.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A service behind a liar, with one clock for everybody. */
interface Scene extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly liar: Liar;
  readonly service: TestService;
  /** Somebody registered, who is online unless told otherwise. */
  enter(name: string, store?: Store): Promise<Client>;
  /** Opens a store again, as after a restart. */
  open(store: Store): Promise<Client>;
  /** Time passes while these are offline. */
  wait(ms: number, ...clients: readonly Client[]): Promise<void>;
}

async function scene(): Promise<Scene> {
  const kv = await Deno.openKv(":memory:");
  const liar = startLiar();
  // Hours pass at once: no socket hears of them, or it would come back in the middle of the next.
  const timing = { ...SOCKET_TIMING, tickMs: 2 ** 31 - 1 };
  const service = await startService({ kv, publicOrigin: liar.url, timing });
  liar.target = service.url;
  const clients: Client[] = [];
  const open = async (store: Store) => {
    const client = await Client.open({ service: liar.url, store, now: service.now });
    clients.push(client);
    return client;
  };
  return {
    kv,
    liar,
    service,
    open,
    async enter(name, store = memoryStore()) {
      const client = await open(store);
      await client.register(name);
      await client.goOnline();
      return client;
    },
    async wait(ms, ...away) {
      for (const client of away) client.goOffline();
      service.advance(ms);
      for (const client of away) await client.goOnline();
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await liar.close();
      await service.close();
    },
  };
}

async function setsOf(store: Store): Promise<readonly SetName[]> {
  return await read(store, "prekeys") as readonly SetName[];
}

/** The row that the service has of somebody's device 1. */
function rowOf(kv: Deno.Kv, name: string): Promise<Deno.KvEntryMaybe<{ setNumber: number }>> {
  return kv.get(["log", ORIGIN, "prekeys", name, 1]);
}

/** Rings, and gives up. */
async function ring(caller: Client, name: string): Promise<void> {
  await (await caller.call(name, new TestStack())).hangUp();
}

/** Catches what is done every hour, so that a test can make the hours pass. */
interface Hours extends Disposable {
  /** Does what is done every hour, and waits until nothing is asked for any more. */
  pass(): Promise<void>;
}

function everyHour(): Hours {
  const { setInterval: interval, fetch: ask } = globalThis;
  const tasks: (() => void)[] = [];
  let asked = 0;
  globalThis.setInterval = ((task: () => void, ms: number, ...rest: unknown[]) => {
    if (ms === HOUR_MS) tasks.push(task);
    return interval(ms === HOUR_MS ? () => {} : task, ms, ...rest);
  }) as typeof setInterval;
  globalThis.fetch = (...args) => {
    asked++;
    return ask(...args).finally(() => asked--);
  };
  return {
    async pass() {
      assert.notEqual(tasks.length, 0);
      for (const task of tasks) task();
      for (let quiet = 0; quiet < 4; quiet = asked === 0 ? quiet + 1 : 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    [Symbol.dispose]: () => Object.assign(globalThis, { setInterval: interval, fetch: ask }),
  };
}

Deno.test("whoever is online for days has a new set every day, at a time that nobody can foretell", async () => {
  using hours = everyHour();
  await using it = await scene();
  const store = memoryStore();
  const erin = await it.enter("erin", store);
  erin.onRefused = (error) => assert.fail(error);
  const made = new Map<string, SetName>();
  for (let hour = 0; hour < 5 * 24; hour++) {
    await hours.pass();
    const sets = await setsOf(store);
    const nowMs = it.service.now();
    for (const set of sets) {
      made.set(set.hash, set);
      assert.ok(set.published);
      assert.ok((set.replacedMs ?? Infinity) + DAY_MS > nowMs, "a set outlived its day");
      if (set === sets[0]) assert.ok(nowMs < set.dueMs, "a set is late");
      else assert.ok(set.dueMs <= set.replacedMs!, "a set was replaced early");
      assert.notEqual(await read(store, `prekeys/${set.hash}`), null);
    }
    assert.ok(sets.length >= Math.min(2, made.size));
    it.service.advance(HOUR_MS);
  }
  const sets = [...made.values()];
  assert.ok(sets.length >= 5 && sets.length <= 6, `${sets.length} sets in five days`);
  assert.deepEqual(sets, sets.toSorted((a, b) => a.number - b.number));
  const waits = sets.map(({ dueMs, madeMs }) => dueMs - madeMs);
  for (const wait of waits) assert.ok(wait >= 20 * HOUR_MS && wait <= DAY_MS, String(wait));
  assert.equal(new Set(waits).size, waits.length, "no two waits are the same");
  const [first] = sets;
  assert.equal(await read(store, `prekeys/${first!.hash}`), null, "nothing is left of the first");
  assert.equal(await read(store, `opk/${first!.hash}/0`), null);
});

Deno.test("that one-time prekeys run out brings the next set no earlier", async () => {
  using hours = everyHour();
  await using it = await scene();
  const store = memoryStore();
  const erin = await it.enter("erin", store);
  const { value } = await rowOf(it.kv, "erin");
  await it.kv.set(["log", ORIGIN, "prekeys", "erin", 1], { ...value, left: [] });
  const before = await setsOf(store);
  for (let hour = 0; hour < 20; hour++) {
    await hours.pass();
    it.service.advance(HOUR_MS - 1);
  }
  erin.goOffline();
  await erin.goOnline();
  assert.deepEqual(await setsOf(store), before);
  const alice = await it.enter("alice");
  await ring(alice, "erin");
});

Deno.test("a service that was restored from a backup is given a new set, above what callers saw", async () => {
  await using it = await scene();
  const store = memoryStore();
  const erin = await it.enter("erin", store);
  const alice = await it.enter("alice");
  const backup = await rowOf(it.kv, "erin");
  await it.wait(DAY_MS + 60_000, erin, alice);
  await ring(alice, "erin");
  const [seen] = await setsOf(store);
  await it.kv.set(backup.key, backup.value);
  await refuses(alice.call("erin", new TestStack()), "prekeys_invalid");
  erin.goOffline();
  await erin.goOnline();
  const [after] = await setsOf(store);
  assert.notEqual(after!.hash, seen!.hash);
  assert.ok(after!.number > seen!.number);
  assert.equal((await rowOf(it.kv, "erin")).value!.setNumber, after!.number);
  await ring(alice, "erin");
  // Nothing at all of it is left: the same.
  await it.kv.delete(backup.key);
  it.service.advance(5_000);
  erin.goOffline();
  await erin.goOnline();
  await ring(alice, "erin");
});

Deno.test("a device that was restored from a backup goes on above what callers saw", async () => {
  await using it = await scene();
  const path = `${await Deno.makeTempDir()}/erin.json`;
  const alice = await it.enter("alice");
  const erin = await it.enter("erin", await fileStore(path));
  erin.close();
  await Deno.copyFile(path, `${path}.backup`);
  await it.wait(DAY_MS + 60_000, alice);
  const later = await it.open(await fileStore(path));
  await later.goOnline();
  await ring(alice, "erin");
  later.close();
  const seen = (await rowOf(it.kv, "erin")).value!.setNumber;
  await Deno.copyFile(`${path}.backup`, path);
  it.service.advance(60_000);
  const restored = await it.open(await fileStore(path));
  await restored.goOnline();
  assert.ok((await rowOf(it.kv, "erin")).value!.setNumber > seen);
  await ring(alice, "erin");
});

Deno.test("a service that says for ever that it has no set fills no store", async () => {
  await using it = await scene();
  const store = memoryStore();
  const erin = await it.enter("erin", store);
  for (let i = 0; i < 40; i++) {
    await it.kv.delete(["log", ORIGIN, "prekeys", "erin", 1]);
    it.service.advance(2_000);
    erin.goOffline();
    await erin.goOnline();
  }
  const sets = await setsOf(store);
  assert.ok(sets.length <= 33, `${sets.length} sets`);
  assert.ok(sets.some(({ published }) => published));
});

/** Rewrites the only bundle of Erin's answer. */
function lying(lie: (bundle: BundleWire) => unknown): Liar["answerLie"] {
  return (path, value) => {
    if (path !== "/v1/directory/erin/bundle") return value;
    const answer = value as BundlesWire;
    return { ...answer, bundles: [lie(answer.bundles[0]!)] };
  };
}

Deno.test("prekeys that are old, expired, or of another kind than they are said to be are refused: prekeys_invalid", async (t) => {
  await using it = await scene();
  const store = memoryStore();
  const erin = await it.enter("erin", store);
  const alice = await it.enter("alice");
  const seen: BundleWire[] = [];
  it.liar.answerLie = lying((bundle) => (seen.push(bundle), bundle));
  await ring(alice, "erin");
  await it.wait(DAY_MS + 60_000, erin, alice);
  await ring(alice, "erin");
  const [first, second] = seen as [BundleWire, BundleWire];
  const opk = second.opk!;
  const lies: Record<string, unknown> = {
    "an older set than one seen": first,
    "an older set without its one-time prekey": { ...first, opk: null },
    "the newest set under an older signature": { ...second, signature: first.signature },
    "the one-time prekey of an older set": { ...second, opk: first.opk },
    "the signed prekey as one-time prekey": {
      ...second,
      opk: { ...opk, key: toBase64Url(decodePrekeySet(fromBase64Url(second.set)!).spk) },
    },
    "a one-time prekey under another index": {
      ...second,
      opk: { ...opk, index: (opk.index + 1) % 32 },
    },
  };
  for (const [what, lie] of Object.entries(lies)) {
    await t.step(what, async () => {
      it.liar.answerLie = lying(() => lie);
      await refuses(alice.call("erin", new TestStack()), "prekeys_invalid");
    });
  }
  await t.step("a set that has expired", async () => {
    it.liar.answerLie = null;
    await it.wait(14 * DAY_MS);
    const carol = await it.enter("carol");
    it.liar.answerLie = lying(() => first);
    await refuses(carol.call("erin", new TestStack()), "prekeys_invalid");
  });
});

Deno.test("a service that hides the one-time prekeys takes that part of secrecy, and nothing else", async () => {
  await using it = await scene();
  const store = memoryStore();
  const erin = ringing(await it.enter("erin", store), store);
  const alice = await it.enter("alice");
  it.liar.answerLie = lying((bundle) => ({ ...bundle, opk: null }));
  const call = await alice.call("erin", new TestStack());
  const answered = await (await erin.nextRing()).answer(new TestStack());
  const areConnected = () => call.state === "connected" && answered.state === "connected";
  await eventually("they are connected", areConnected);
  await call.hangUp();
});

Deno.test("a ring by a device list of before is refused as something to call again for, and rings nobody", async () => {
  await using it = await scene();
  const store = memoryStore();
  const erin = ringing(await it.enter("erin", store), store);
  const alice = await it.enter("alice");
  for (
    const [devices, problem] of [[[1, 2], "extra_devices"], [[2], "extra_devices"]] as const
  ) {
    it.liar.frameLie = (direction, frame) =>
      direction === "up" && frame.t === "ring" ? [{ ...frame, devices }] : [frame];
    const error = await alice.call("erin", new TestStack()).then(() => null, (error) => error);
    assert.deepEqual([error?.code, error?.problem, error?.retryable], [
      "unavailable",
      problem,
      true,
    ]);
  }
  it.liar.frameLie = null;
  assert.equal(erin.rings, 0);
  await ring(alice, "erin");
});
