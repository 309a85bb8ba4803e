/**
 * Mailboxes without a network: what waits, for whom, for how long, and when there is no room.
 *
 * @module
 */

import { deepEqual, equal, rejects } from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { randomBytes, sha256 } from "../../crypto/primitives.ts";
import { openMetrics } from "../../core/metrics.ts";
import { type Mailboxes, openMailboxes } from "../../core/mailbox.ts";
import { ServiceError } from "../../core/error.ts";
import { listMisfits } from "../../kv/row_shape.ts";
import {
  CONTACT_BURST_PER_PAIR,
  MAX_MAILBOX_ENTRIES,
  MAX_MAILBOX_PER_SENDER,
  MISSED_TTL_MS,
  RING_TTL_MS,
} from "../../wire/limits.ts";
import { faultyKv } from "../support/faulty_kv.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map(parseAccountLabel);

interface Play extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly boxes: Mailboxes;
  advance(ms: number): void;
}

async function play(wrap: (kv: Deno.Kv) => Deno.Kv = (kv) => kv): Promise<Play> {
  const kv = await Deno.openKv(":memory:");
  let nowMs = 1_000_000;
  const boxes = openMailboxes({ kv: wrap(kv), now: () => nowMs, metrics: openMetrics() });
  return {
    kv,
    boxes,
    advance: (ms) => void (nowMs += ms),
    [Symbol.asyncDispose]() {
      kv.close();
      return Promise.resolve();
    },
  };
}

function message(id: string, more: Partial<Parameters<Mailboxes["putMessage"]>[1]> = {}) {
  return {
    from: alice!,
    id,
    device: null,
    ct: "AAAA",
    ttlMs: 10_000,
    deliveryToken: null,
    ...more,
  };
}

const ringTo = (...devices: number[]) => ({
  isWaiting: true,
  isNoted: true,
  from: alice!,
  device: 1,
  id: "call",
  common: "AAAA",
  offers: devices.map((device) => ({ device, offer: `AAA${device}` })),
});

function refusal(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ServiceError && error.code === code;
}

async function kindsOf(boxes: Mailboxes, device = 1): Promise<string[]> {
  return (await boxes.waiting(bob!, device)).map(({ kind }) => kind);
}

Deno.test("a ring waits for its device, is there until it is removed, and is then gone", async () => {
  await using stage = await play();
  const { boxes, kv } = stage;
  await boxes.putRing(bob!, ringTo(1, 2));
  const [first] = await boxes.waiting(bob!, 2);
  equal(first?.kind, "ring");
  deepEqual(first?.kind === "ring" && first.ring, {
    id: "call",
    device: 1,
    common: "AAAA",
    offer: "AAA2",
  });
  deepEqual(await boxes.waiting(bob!, 2), [first], "reading removes nothing");
  deepEqual(await kindsOf(boxes, 3), [], "another device's");
  await boxes.remove(bob!, 1, [first!.entry]);
  deepEqual(await kindsOf(boxes, 2), ["ring"], "another device removes nothing of it");
  await boxes.remove(bob!, 2, [first!.entry]);
  deepEqual(await kindsOf(boxes, 2), []);
  deepEqual(await kindsOf(boxes, 1), ["ring"]);
  deepEqual(await Array.fromAsync(listMisfits(kv)), []);
});

Deno.test("a ring that nobody took is a missed call for a day, and none on a device where another rang", async () => {
  await using stage = await play();
  const { boxes, advance } = stage;
  await boxes.putRing(bob!, ringTo(1, 2));
  const [rung] = await boxes.waiting(bob!, 1);
  advance(RING_TTL_MS);
  deepEqual(await kindsOf(boxes, 1), ["missed"]);
  deepEqual(await kindsOf(boxes, 2), ["missed"]);
  // A device that acks late was told: the call is missed nowhere any more.
  await boxes.remove(bob!, 1, [rung!.entry], true);
  deepEqual(await kindsOf(boxes, 2), []);
  await boxes.putRing(bob!, { ...ringTo(1), isWaiting: false });
  deepEqual(await kindsOf(boxes), ["missed"], "nobody comes: missed at once");
  advance(MISSED_TTL_MS);
  deepEqual(await kindsOf(boxes), []);
  await boxes.putRing(bob!, { ...ringTo(1), isNoted: false });
  advance(RING_TTL_MS);
  deepEqual(await kindsOf(boxes), [], "it rang elsewhere");
});

Deno.test("a call is one, over as many frames as it takes, and its note is for every device", async () => {
  await using stage = await play();
  const { boxes, advance } = stage;
  for (let call = 0; call < 2; call++) {
    for (const device of [1, 2]) {
      const frame = { ...ringTo(device), id: `frame ${call} ${device}`, common: `AAA${call}` };
      await boxes.putRing(bob!, frame);
    }
  }
  const [first] = await boxes.waiting(bob!, 1);
  await boxes.remove(bob!, 1, [first!.entry]);
  advance(RING_TTL_MS);
  deepEqual(await kindsOf(boxes, 1), ["missed"], "the first rang here");
  deepEqual(await kindsOf(boxes, 2), ["missed"], "and so is missed nowhere");
  const [second] = await boxes.waiting(bob!, 1);
  await boxes.remove(bob!, 1, [second!.entry]);
  deepEqual([await kindsOf(boxes, 1), await kindsOf(boxes, 2)], [[], ["missed"]]);
});

Deno.test("a full mailbox is an error to the sender, and what waits stays", async () => {
  await using stage = await play();
  const { boxes } = stage;
  boxes.shareRoom = () => true;
  for (let i = 0; i < MAX_MAILBOX_PER_SENDER; i++) await boxes.putMessage(bob!, message(`m${i}`));
  await rejects(boxes.putMessage(bob!, message("more")), refusal("mailbox_full"));
  // The same again is the same entry, full or not.
  await boxes.putMessage(bob!, message("m0"));
  for (let sender = 0; sender < 3; sender++) {
    for (let i = 0; i < 8; i++) {
      await boxes.putMessage(bob!, message(`m${i}`, { from: parseAccountLabel(`s${sender}`) }));
    }
  }
  equal((await boxes.waiting(bob!, 1)).length, MAX_MAILBOX_ENTRIES / 2);
  await rejects(boxes.putMessage(bob!, message("x", { from: carol! })), refusal("mailbox_full"));
  // Whatever was written to a device that sleeps keeps nobody from calling it.
  await boxes.putRing(bob!, { ...ringTo(1), from: carol! });
  equal((await boxes.waiting(bob!, 1)).length, MAX_MAILBOX_ENTRIES / 2 + 1);
});

Deno.test("notes of calls that are over keep nobody from calling, and calls that wait do", async () => {
  await using stage = await play();
  const { boxes, advance, kv } = stage;
  const devices = [1, 2, 3, 4, 5, 6, 7, 8];
  const call = (from: string, id: string, more = {}) =>
    boxes.putRing(bob!, {
      ...ringTo(...devices),
      from: parseAccountLabel(from),
      id,
      common: id,
      ...more,
    });
  for (let i = 0; i < MAX_MAILBOX_PER_SENDER; i++) await call("alice", `c${i}`);
  await rejects(call("carol", "x"), refusal("mailbox_full"));
  advance(RING_TTL_MS);
  await rejects(call("carol", "x", { isWaiting: false }), refusal("mailbox_full"));
  await call("carol", "x");
  deepEqual((await kindsOf(boxes)).sort(), [...Array(7).fill("missed"), "ring"]);
  // Whoever calls again and again replaces what they left themselves.
  for (let i = 0; i < MAX_MAILBOX_PER_SENDER; i++) {
    await call("alice", `d${i}`);
    advance(RING_TTL_MS);
  }
  const froms = (await boxes.waiting(bob!, 1)).map(({ from }) => from);
  deepEqual(froms.filter((from) => from === "carol"), ["carol"]);
  equal(froms.length, 8);
  deepEqual(await Array.fromAsync(listMisfits(kv)), []);
});

Deno.test("the fullest mailbox there can be is kept", async () => {
  await using stage = await play();
  const { boxes, kv } = stage;
  boxes.shareRoom = () => true;
  const from = (i: number) => parseAccountLabel("a".repeat(126) + String(i).padStart(2, "0"));
  const id = "x".repeat(64);
  await boxes.setDeliveryToken(bob!, randomBytes(32));
  for (let i = 0; i < MAX_MAILBOX_ENTRIES / 2; i++) {
    await boxes.putMessage(bob!, message(id, { from: from(i) }));
    await boxes.putRing(bob!, { ...ringTo(1), from: from(i), id });
  }
  equal((await boxes.waiting(bob!, 1)).length, MAX_MAILBOX_ENTRIES);
  deepEqual(await Array.fromAsync(listMisfits(kv)), []);
});

Deno.test("a mailbox is bounded in bytes too", async () => {
  await using stage = await play();
  stage.boxes.shareRoom = () => true;
  const ct = "A".repeat(27_000);
  let put = 0;
  try {
    for (;; put++) {
      const from = parseAccountLabel(`s${put}`);
      await stage.boxes.putMessage(bob!, message("m", { from, ct }));
    }
  } catch (error) {
    equal(refusal("mailbox_full")(error), true);
  }
  equal(put, 4);
  await stage.boxes.putRing(bob!, ringTo(1));
});

Deno.test("a message needs a right: a room in common, a token handed out, or a small budget", async () => {
  await using stage = await play();
  const { boxes } = stage;
  for (let i = 0; i < CONTACT_BURST_PER_PAIR; i++) await boxes.putMessage(bob!, message(`m${i}`));
  await rejects(boxes.putMessage(bob!, message("x")), refusal("no_right_to_send"));
  const deliveryToken = randomBytes(32);
  await rejects(
    boxes.putMessage(bob!, message("x", { deliveryToken })),
    refusal("no_right_to_send"),
  );
  await boxes.setDeliveryToken(bob!, sha256(deliveryToken));
  await boxes.putMessage(bob!, message("x", { deliveryToken }));
  const other = randomBytes(32);
  await rejects(
    boxes.putMessage(bob!, message("y", { deliveryToken: other })),
    refusal("no_right_to_send"),
  );
  await boxes.setDeliveryToken(bob!, null);
  await rejects(
    boxes.putMessage(bob!, message("y", { deliveryToken })),
    refusal("no_right_to_send"),
  );
  boxes.shareRoom = (from, to) => from === alice && to === bob;
  await boxes.putMessage(bob!, message("y"));
  await rejects(async () => {
    for (let i = 0;; i++) await boxes.putMessage(bob!, message(`c${i}`, { from: carol! }));
  }, refusal("no_right_to_send"));
});

Deno.test("a message is for whichever device comes first, is over in its time, and comes once", async () => {
  await using stage = await play();
  const { boxes, advance, kv } = stage;
  boxes.shareRoom = () => true;
  const entry = await boxes.putMessage(bob!, message("m"));
  equal(await boxes.putMessage(bob!, message("m")), entry);
  await boxes.putMessage(bob!, message("n", { device: 2, ttlMs: 60_000 }));
  deepEqual(await kindsOf(boxes, 1), ["message"]);
  deepEqual(await kindsOf(boxes, 2), ["message", "message"]);
  advance(10_000);
  deepEqual(await kindsOf(boxes, 1), []);
  deepEqual(await kindsOf(boxes, 2), ["message"]);
  advance(50_000);
  deepEqual(await kindsOf(boxes, 2), []);
  // What is over leaves with the next change.
  await boxes.putMessage(bob!, message("o"));
  equal((await Array.fromAsync(kv.list({ prefix: ["mailbox"] }))).length, 2);
});

Deno.test("a store that says nothing of a commit makes no second entry", async () => {
  for (const fault of ["before", "after"] as const) {
    await using stage = await play((kv) => faultyKv(kv, (n) => n === 1 ? fault : null).kv);
    await stage.boxes.putRing(bob!, ringTo(1));
    deepEqual(await kindsOf(stage.boxes), ["ring"]);
  }
});
