/**
 * Calls between two browsers whose session rekeys four times a second: sound and pictures go on as they
 * do in a call that never rekeys.
 *
 * @module
 */

import assert from "node:assert/strict";
import { toHex } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { isLong } from "../support/long.ts";
import { bundle } from "./harness.ts";
import { type Disturbance, type RotatingSide } from "./pages/rotating_party.ts";
import { openRemotePage, type RemotePage } from "./remote.ts";

/** How long each part of a round takes, with rekeys and without; a round has three of both. */
const PART_MS = isLong ? 5_000 : 2_500;
const PARTS = 3;
/**
 * From the end of a rekey until the next is due. With what one takes, and because only every 50 ms it is
 * looked whether one is due, that makes four a second.
 */
const EVERY_MS = 60;
const NEVER_MS = 3_600_000;
/** What the service takes to hand a message on. */
const RELAY_MS = 10;
/** From the open gates until both sides see and hear each other without a hitch. */
const PATIENCE_MS = 20_000;
/** A machine that is busy freezes pictures by itself: one round of these must do without. */
const ROUNDS = isLong ? 3 : 1;

type Pair = readonly [RemotePage, RemotePage];

Deno.test("a session that rekeys four times a second leaves its media alone", async (t) => {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/rotating_party.ts", import.meta.url)),
    bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  ]);
  const scripts = { "/page.js": page, "/worker.js": worker };
  for (const kind of ["chromium", "firefox"] as const) {
    await t.step(`Chromium and ${kind}`, async () => {
      const other = await openRemotePage(kind, scripts);
      if (other === null) return say("skipped: there is no Firefox");
      const chromium = (await openRemotePage("chromium", scripts))!;
      try {
        await compare([chromium, other]);
      } finally {
        await other.close();
        await chromium.close();
      }
    });
  }
});

async function compare(pair: Pair): Promise<void> {
  await connect(pair);
  let isAlike = false;
  for (let round = 0; round < ROUNDS && !isAlike; round++) {
    const still = [], turning = [];
    // In turn, so that whatever else the machine does meets both.
    for (let part = 0; part < PARTS; part++) {
      still.push(await run(pair, NEVER_MS));
      turning.push(await run(pair, EVERY_MS));
    }
    const [before, after] = [sum(still), sum(turning)];
    for (const [i, { browser }] of pair.entries()) {
      say(`${browser}, without rekeys: ${JSON.stringify(before[i])}`);
      say(`${browser}, with rekeys:    ${JSON.stringify(after[i])}`);
    }
    for (const [i, grown] of after.entries()) {
      assert.ok(grown.epoch > 16, "no KID came again");
      assert.ok(grown.framesDecoded > 0 && grown.audioEnergy > 0);
      for (const what of ["pliSent", "firSent", "pliReceived", "firReceived"] as const) {
        assert.ok(grown[what] <= before[i]![what], `${what}: ${grown[what]}`);
      }
    }
    isAlike = after.every(({ freezes }, i) => freezes <= before[i]!.freezes);
  }
  for (const { failures, stats, disturbance } of await look(pair)) {
    assert.deepEqual(failures, []);
    assert.deepEqual(stats.refused, {});
    assert.equal(disturbance.negotiations, 0);
  }
  // Of a short run on whatever machine it is only said.
  if (isLong) assert.ok(isAlike, "pictures freeze more often than without rekeys");
  await Promise.all(pair.map((page) => page.ask("end")));
}

async function connect(pair: Pair): Promise<void> {
  const [caller, callee] = pair;
  const publics = await Promise.all(pair.map((page) => page.ask<string>("begin")));
  const answer = await callee.ask<string>("answer", await caller.ask<string>("offer"));
  await caller.ask("accept", answer);
  const secrets = Array.from({ length: 6 }, () => toHex(randomBytes(32)));
  await Promise.all(pair.map((page, self) => page.ask("start", self, secrets, publics[1 - self])));
  let calm = await look(pair);
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    await after(1_500);
    const now = await look(pair);
    // The requests for the first key frame are over.
    const isCalm = now.every(({ disturbance }, i) => {
      const { pliSent, firSent, framesDecoded, audioEnergy } = disturbance;
      const before = calm[i]!.disturbance;
      return framesDecoded > before.framesDecoded && audioEnergy > 0 &&
        pliSent === before.pliSent && firSent === before.firSent;
    });
    calm = now;
    if (isCalm) return;
  }
  assert.fail(`It does not play: ${JSON.stringify(calm)}`);
}

/** A part of the call, and what it brought to each side. */
async function run(pair: Pair, everyMs: number): Promise<Grown[]> {
  const before = await look(pair);
  await Promise.all([pair[0].ask("rotate", everyMs), pair[1].ask("rotate", NEVER_MS)]);
  let [toCaller, toCallee]: string[][] = [[], []];
  for (const end = performance.now() + PART_MS; performance.now() < end;) {
    [toCallee, toCaller] = await Promise.all([
      pair[0].ask<string[]>("exchange", toCaller!),
      pair[1].ask<string[]>("exchange", toCallee!),
    ]);
    await after(RELAY_MS);
  }
  const sides = await look(pair);
  return sides.map((side, i) => growth(before[i]!, side));
}

/** What a side has more of after a while. */
type Grown = Disturbance & { readonly epoch: number };

function look(pair: Pair): Promise<RotatingSide[]> {
  return Promise.all(pair.map((page) => page.ask<RotatingSide>("look")));
}

function growth(before: RotatingSide, after: RotatingSide): Grown {
  return merge(
    { ...after.disturbance, epoch: after.epoch },
    { ...before.disturbance, epoch: before.epoch },
    (a, b) => a - b,
  );
}

/** Of each side, over all parts. */
function sum(parts: readonly (readonly Grown[])[]): Grown[] {
  return parts[0]!.map((_, side) =>
    parts.map((part) => part[side]!).reduce((a, b) => merge(a, b, (x, y) => x + y))
  );
}

function merge(a: Grown, b: Grown, of: (a: number, b: number) => number): Grown {
  const names = Object.keys(a) as (keyof Grown)[];
  return Object.fromEntries(names.map((name) => [name, of(a[name], b[name])])) as unknown as Grown;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
