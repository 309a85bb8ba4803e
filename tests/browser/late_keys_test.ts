/**
 * Keys that change in a call in a real browser, and reach the receiver later than frames under them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";
import { isLong } from "../support/long.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type LateKeys } from "./pages/late_keys_page.ts";
import { ask } from "./script_page.ts";

/** More turns than KIDs have epochs, so that each KID comes again with another key. */
const TURNS = isLong ? 20 : 6;

Deno.test("frames wait for a key that is late, and all of them are decoded once it is there", async (t) => {
  const scripts = {
    "/page.js": await bundle(new URL("./pages/late_keys_page.ts", import.meta.url)),
    "/worker.js": await bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  };
  const { browser, close } = await openBrowser();
  try {
    for (const lateMs of [100, 1_000]) {
      await t.step(`${lateMs} ms late`, () => story(browser, scripts, lateMs));
    }
  } finally {
    await close();
  }
});

async function story(
  browser: Browser,
  scripts: Readonly<Record<string, string>>,
  lateMs: number,
): Promise<void> {
  const call = await ask<LateKeys>(browser, scripts, "lateKeys", TURNS, lateMs);
  assert.ok(call.played, JSON.stringify(call.ended));
  const [a, b] = call.ended;
  assert.deepEqual(call.ended.map(({ failures }) => failures), [[], []]);
  assert.deepEqual(call.missing, []);
  // Every frame that was sent is opened, those too that came before their key. A second of sound is
  // almost all that may wait, so a busy machine loses some.
  const lost = b!.stats.refused["unknown_key"] ?? 0;
  assert.ok(lost <= (lateMs < 1_000 ? 0 : a!.stats.framesProtected / 10), `${lost}`);
  assert.deepEqual(Object.keys(b!.stats.refused), lost === 0 ? [] : ["unknown_key"]);
  assert.equal(b!.stats.framesOpened + lost, a!.stats.framesProtected);
  assert.ok(call.requested <= 2 * TURNS * (1 + lateMs / 1_000));
  say(
    `${TURNS} keys ${lateMs} ms late: to the next picture ${spread(call.toPictureMs)}; ` +
      `longest without one ${spread(call.freezeMs)}; ${call.requested} questions; ` +
      `${b!.stats.framesOpened} of ${a!.stats.framesProtected} frames opened`,
  );
}

function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return `${sorted[sorted.length >> 1]} ms (median; ${sorted[0]} to ${sorted.at(-1)})`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
