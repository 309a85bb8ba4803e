import assert from "node:assert/strict";
import { openLinks } from "../../core/links.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { faultyKv } from "../support/faulty_kv.ts";
import {
  LINK_ASK_BURST,
  LINK_ASK_REFILL_MS,
  LINK_BURST,
  LINK_REFILL_MS,
  LINK_TTL_MS,
  MAX_LINK_MESSAGES,
} from "../../wire/limits.ts";

const GONE = { code: "link_gone" };
const CONFLICT = { code: "link_conflict" };

/** Meetings on a store in memory, with a clock to turn. */
async function links(kv?: Deno.Kv) {
  const clock = { nowMs: 1_790_000_000_000 };
  const store = kv ?? await Deno.openKv(":memory:");
  const held = openLinks({ kv: store, now: () => clock.nowMs });
  return { ...held, clock, kv: store, [Symbol.dispose]: () => store.close() };
}

const message = (slot: Uint8Array<ArrayBuffer>, side: "new" | "old", n: number, text = "m") => {
  return { slot, side, n, message: utf8(`${text} ${side} ${n}`) };
};

Deno.test("what one device writes the other reads, in order, from where it stopped", async () => {
  using held = await links();
  const slot = randomBytes(16);
  await held.write(message(slot, "new", 0));
  assert.deepEqual(await held.read(slot, "old", 0), []);
  await held.write(message(slot, "old", 0));
  await held.write(message(slot, "new", 1));
  assert.deepEqual(await held.read(slot, "new", 0), [utf8("m new 0"), utf8("m new 1")]);
  assert.deepEqual(await held.read(slot, "new", 1), [utf8("m new 1")]);
  assert.deepEqual(await held.read(slot, "new", 2), []);
  assert.deepEqual(await held.read(slot, "old", 0), [utf8("m old 0")]);
});

Deno.test("only a new device opens a slot, and nobody finds another one", async () => {
  using held = await links();
  const slot = randomBytes(16);
  await assert.rejects(held.write(message(slot, "old", 0)), GONE);
  await assert.rejects(held.write(message(slot, "new", 1)), GONE);
  await assert.rejects(held.read(slot, "new", 0), GONE);
  await held.write(message(slot, "new", 0));
  await assert.rejects(held.read(randomBytes(16), "new", 0), GONE);
});

Deno.test("a place is written once: the same again changes nothing, another thing is refused", async () => {
  using held = await links();
  const slot = randomBytes(16);
  await held.write(message(slot, "new", 0));
  await held.write(message(slot, "new", 0));
  await assert.rejects(held.write(message(slot, "new", 0, "another")), CONFLICT);
  await assert.rejects(held.write(message(slot, "new", 2)), CONFLICT);
  for (let n = 1; n < MAX_LINK_MESSAGES; n++) await held.write(message(slot, "new", n));
  await assert.rejects(held.write(message(slot, "new", MAX_LINK_MESSAGES)), CONFLICT);
  assert.equal((await held.read(slot, "new", 0)).length, MAX_LINK_MESSAGES);
});

Deno.test("of twenty who write one place at once one is there", async () => {
  using held = await links();
  const slot = randomBytes(16);
  await held.write(message(slot, "new", 0));
  const tries = Array.from({ length: 20 }, (_, i) => held.write(message(slot, "old", 0, `t${i}`)));
  const outcomes = await Promise.allSettled(tries);
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal((await held.read(slot, "old", 0)).length, 1);
});

Deno.test("a write whose result the store did not tell is found when it is tried again", async () => {
  using plain = await Deno.openKv(":memory:");
  for (const fault of ["before", "after"] as const) {
    const faulty = faultyKv(plain, (n) => n === 1 ? fault : null);
    const held = await links(faulty.kv);
    const slot = randomBytes(16);
    await held.write(message(slot, "new", 0));
    assert.deepEqual(await held.read(slot, "new", 0), [utf8("m new 0")], fault);
  }
});

Deno.test("after its time a slot is gone, also before the store forgot it, and starts anew", async () => {
  using held = await links();
  const slot = randomBytes(16);
  await held.write(message(slot, "new", 0));
  held.clock.nowMs += LINK_TTL_MS - 1;
  await held.write(message(slot, "old", 0));
  held.clock.nowMs += 1;
  await assert.rejects(held.read(slot, "new", 0), GONE);
  await assert.rejects(held.write(message(slot, "old", 1)), GONE);
  await held.write(message(slot, "new", 0, "another"));
  assert.deepEqual(await held.read(slot, "new", 0), [utf8("another new 0")]);
  assert.deepEqual(await held.read(slot, "old", 0), []);
});

Deno.test("slots begin no faster than their rate, and those that began go on", async () => {
  using held = await links();
  const slots = Array.from({ length: LINK_BURST }, () => randomBytes(16));
  for (const slot of slots) await held.write(message(slot, "new", 0));
  await assert.rejects(held.write(message(randomBytes(16), "new", 0)), { code: "rate_limited" });
  await held.write(message(slots[0]!, "new", 0));
  await held.write(message(slots[0]!, "new", 1));
  held.clock.nowMs += LINK_REFILL_MS;
  await held.write(message(randomBytes(16), "new", 0));
});

Deno.test("a slot is asked for no more often than two devices do, and others are not kept from theirs", async () => {
  using held = await links();
  const [slot, other] = [randomBytes(16), randomBytes(16)];
  await held.write(message(slot, "new", 0));
  await held.write(message(other, "new", 0));
  const limited = { code: "rate_limited" };
  for (let asked = 0; asked < LINK_ASK_BURST; asked++) await held.read(slot, "new", 0);
  await assert.rejects(held.read(slot, "new", 0), limited);
  await assert.rejects(held.write(message(slot, "old", 0)), limited);
  await assert.rejects(held.write(message(slot, "new", 0)), limited);
  await held.read(other, "new", 0);
  await held.write(message(other, "old", 0));
  held.clock.nowMs += LINK_ASK_REFILL_MS;
  await held.write(message(slot, "old", 0));
  await assert.rejects(held.read(slot, "old", 0), limited);
  // Two devices that wait for their persons ask four times a second, for minutes.
  held.clock.nowMs += 60_000;
  for (let waited = 0; waited < 200_000; waited += 1_000) {
    for (const side of ["new", "old", "new", "old"] as const) await held.read(slot, side, 1);
    held.clock.nowMs += 1_000;
  }
  // What nobody opened costs nobody anything.
  for (let asked = 0; asked < 2 * LINK_ASK_BURST; asked++) {
    await assert.rejects(held.read(randomBytes(16), "new", 0), GONE);
  }
});
