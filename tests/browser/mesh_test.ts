/**
 * Three people in a call of a real browser: each has one worker for both connections.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fromHex } from "../support/hex.ts";
import { unwrap } from "../../crypto/envelope.ts";
import { ctxOfKid, indexOfKid } from "../../crypto/schedule.ts";
import { readHeader } from "../../crypto/sframe.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type Mesh } from "./pages/mesh_page.ts";
import { ask } from "./script_page.ts";

Deno.test("a participant's connections share one worker, whose counters are never used twice", async () => {
  const { played, sides, playsOn, frames } = await call(false);
  assert.ok(played, JSON.stringify(sides));
  for (const { stats, failures } of Object.values(sides)) {
    assert.deepEqual(failures, []);
    assert.deepEqual(stats.refused, {});
  }
  // One counter of a key is one frame: whoever counts for each connection uses it for two.
  const sealed = new Map<string, string>();
  const senders = new Map<number, number>();
  for (const { hex, ctx } of frames) {
    const sframe = unwrap(ctx === 0 ? "opus" : "vp8", fromHex(hex));
    const { kid, ctr } = readHeader(sframe);
    const nonce = `${kid} ${ctr}`;
    assert.equal(sealed.get(nonce) ?? hex, hex, `KID and counter ${nonce} have two frames`);
    sealed.set(nonce, hex);
    senders.set(indexOfKid(kid), (senders.get(indexOfKid(kid)) ?? 0) + 1);
    assert.equal(ctxOfKid(kid), ctx);
  }
  assert.deepEqual([...senders.keys()].toSorted(), [0, 1, 2]);
  say(`${frames.length} frames of three came, under ${sealed.size} nonces`);
  assert.ok(playsOn, "one connection less, and the others play on");
});

Deno.test("a member is not taken for another by frames under the other's keys on its own connection", async () => {
  const { played, sides: { "02": lied, "01": honest }, playsOn } = await call(true);
  assert.ok(played && playsOn);
  const { stats, browser } = lied!;
  assert.equal(stats.framesOpened + browser.framesDecoded + browser.audioEnergy, 0);
  assert.deepEqual(Object.keys(stats.refused), ["bad_frame"]);
  assert.ok(browser.audioPacketsSent > 0);
  // Whom it would be taken for is seen and heard all the same.
  assert.ok(honest!.stats.framesOpened > 0 && honest!.browser.framesDecoded >= 20);
  say(`${stats.refused["bad_frame"]} frames in another's name refused, none opened`);
});

async function call(lies: boolean): Promise<Mesh> {
  const scripts = {
    "/page.js": await bundle(new URL("./pages/mesh_page.ts", import.meta.url)),
    "/tap_worker.js": await bundle(new URL("./pages/tap_worker.ts", import.meta.url)),
  };
  const { browser, close } = await openBrowser();
  try {
    return await ask<Mesh>(browser, scripts, "mesh", lies);
  } finally {
    await close();
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
