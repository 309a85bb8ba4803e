/**
 * A worker in a real browser, to which somebody sends repeated and made-up frames.
 *
 * @module
 */

import assert from "node:assert/strict";
import { bundle, openBrowser } from "./harness.ts";
import { type AttackedCall } from "./pages/attack_page.ts";
import { ask } from "./script_page.ts";

/** To each medium; half of them repeated, half with another KID. */
const FLOOD = 100_000;
/** What may wait: 64 frames of each medium. */
const WAITING = 128;

Deno.test("a call plays on through a flood of repeated and made-up frames in a real browser", async () => {
  const scripts = {
    "/page.js": await bundle(new URL("./pages/attack_page.ts", import.meta.url)),
    "/attack_worker.js": await bundle(new URL("./pages/attack_worker.ts", import.meta.url)),
  };
  const { browser, close } = await openBrowser();
  try {
    const call = await ask<AttackedCall>(browser, scripts, "attack");
    const seconds = call.tookMs / 1_000;
    assert.ok(call.played && call.flooded && call.playsOn, JSON.stringify(call));
    for (const { stats, failures, requested, missing } of call.sides) {
      say(
        `${stats.framesOpened} frames opened, ${stats.duplicates} duplicates, ` +
          `refused ${JSON.stringify(stats.refused)}; ${requested} questions in ${
            seconds.toFixed(1)
          } s; ` + `${call.decoded} pictures meanwhile`,
      );
      assert.deepEqual(failures, []);
      // Frames open all the time, so no key is missing.
      assert.deepEqual(missing, []);
      assert.deepEqual(Object.keys(stats.refused), ["unknown_key"]);
      assert.ok(stats.duplicates >= FLOOD);
      assert.ok(stats.refused["unknown_key"]! >= FLOOD - WAITING);
      assert.ok(stats.refused["unknown_key"]! <= FLOOD);
      assert.ok(requested <= 2 * (1 + seconds));
    }
  } finally {
    await close();
  }
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
