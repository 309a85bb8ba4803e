/**
 * What changes during a call in real browsers: tracks come and go, and packets take another way.
 *
 * @module
 */

import assert from "node:assert/strict";
import { bundle } from "./harness.ts";
import { type LineStories } from "./pages/lines_page.ts";
import { cuttableRelay } from "./packet_relay.ts";
import { isLong } from "../support/long.ts";
import { openRemotePage } from "./remote.ts";

const [page, worker] = await Promise.all([
  bundle(new URL("./pages/lines_page.ts", import.meta.url)),
  bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
]);

for (const kind of isLong ? ["chromium", "firefox"] as const : ["chromium"] as const) {
  Deno.test(`tracks and ways of a call change in ${kind}, and it stays encrypted`, async (t) => {
    await using relay = await cuttableRelay();
    const remote = await openRemotePage(
      kind,
      { "/page.js": page, "/worker.js": worker },
      { "/cut": () => relay.cut() },
    );
    if (remote === null) return say(`skipped: there is no ${kind}`);
    const tell = <Name extends keyof LineStories>(
      name: Name,
      ...args: Parameters<LineStories[Name]>
    ) => remote.ask<Awaited<ReturnType<LineStories[Name]>>>(name, ...args);
    try {
      await t.step("a screen is shared with its sound, taken back, and shared again", async () => {
        const { before, shown, stopped, again, ended } = await tell("screen");
        assert.deepEqual(before, ["audio 0", "video 1"]);
        assert.deepEqual(shown, [true, true]);
        stopped.forEach(assertNothing);
        assert.ok(again);
        assertSound(ended);
        assert.deepEqual(ended[1]!.tracks.toSorted(), [
          "audio 0",
          "audio 3",
          "video 1",
          "video 2",
        ]);
      });

      await t.step("muted is silent, and no false alarm; unmuted is heard", async () => {
        const { detached, attached, disabled, enabled, ended } = await tell("mute");
        detached.forEach(assertNothing);
        assert.deepEqual(attached, [true, true]);
        for (const { energy } of disabled) assert.ok(energy < 1e-6, `${energy}`);
        assert.deepEqual(enabled, [true, true]);
        assertSound(ended);
      });

      await t.step("another microphone and camera are heard and seen", async () => {
        const { grown, ended } = await tell("devices");
        assert.deepEqual(grown, [true, true]);
        assertSound(ended);
      });

      await t.step("a restart while all is well leaves the call as it was", async () => {
        const { media, refused, bytes, ended } = await tell("restart");
        say(`${remote.browser}: a description of all lines has ${bytes} bytes`);
        assert.deepEqual(media, [true, true, true]);
        assert.equal(refused, "A description must have the lines of the one before");
        assertSound(ended);
      });

      await t.step("a call whose way is cut goes on over another one", async () => {
        const { restored, tookMs, heard, media, changed, ended } = await tell(
          "cutOff",
          relay.host,
          relay.ports,
        );
        say(`${remote.browser}: ${tookMs} ms from the cut; ${heard.join(", ")}`);
        assert.ok(restored);
        assert.ok(changed, "the caller offered no new way");
        assert.deepEqual(media, [true, true]);
        assert.deepEqual(heard.filter((one) => one.includes("_")), []);
        assertSound(ended);
      });

      for (const whose of ["promised", "named"] as const) {
        await t.step(`a description with another certificate ${whose} is refused`, async () => {
          const { code, untouched } = await tell("otherCertificate", whose);
          assert.deepEqual([code, untouched], ["fingerprint_mismatch", true]);
        });
      }
    } finally {
      await remote.close();
    }
  });
}

interface Passed {
  readonly bytes: number;
  readonly frames: number;
  readonly energy: number;
}

interface Ended {
  readonly failures: readonly string[];
  readonly refused: Readonly<Record<string, number>>;
}

/** Without a track Chromium sends nothing, and Firefox a black picture each second. */
function assertNothing({ bytes, frames, energy }: Passed): void {
  assert.ok(frames <= 2 && bytes < 400 && energy < 1e-6, `${bytes} bytes, ${frames} frames`);
}

/** A retransmission that was not needed is refused as a replay, and may be. */
function assertSound(ended: readonly Ended[]): void {
  for (const { failures, refused } of ended) {
    assert.deepEqual(failures, []);
    assert.deepEqual(Object.keys(refused).filter((code) => code !== "replayed_frame"), []);
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
