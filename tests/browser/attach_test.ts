/**
 * The attach matrix: whatever is done to transforms, worker, tracks and codecs of a call, no frame leaves
 * in the clear, as a receiver without keys counts them; and the call goes on encrypted, or it is stopped.
 *
 * @module
 */

import assert from "node:assert/strict";
import { bundle } from "./harness.ts";
import { type AttachCases, type Ended } from "./pages/attach_page.ts";
import { openRemotePage } from "./remote.ts";

type Outcome = "encrypted" | "bypass_detected" | "transport_failed";

const CASES: readonly (readonly [keyof AttachCases, string, readonly Outcome[]])[] = [
  ["early", "transforms are set before the local description", ["encrypted"]],
  ["late", "they are set after it", ["encrypted", "bypass_detected"]],
  ["ontrack", "they are set in the offerer's ontrack", ["encrypted", "bypass_detected"]],
  ["workerKilled", "the worker is killed", ["bypass_detected", "transport_failed"]],
  ["workerThrows", "the worker throws", ["transport_failed"]],
  ["pipeThrows", "the pipes of the transforms throw", ["bypass_detected", "transport_failed"]],
  ["transformNull", "transforms are set to null", ["bypass_detected"]],
  ["transformReplaced", "a transform is replaced by another", ["bypass_detected"]],
  ["renegotiation", "the call is renegotiated, and ICE restarted", ["encrypted"]],
  ["replaceTrack", "tracks are replaced, detached and attached", ["encrypted"]],
  ["backupCodec", "the sender's parameters ask for another codec", ["encrypted"]],
  ["preferredCodec", "another codec is negotiated", ["encrypted"]],
];

const [page, worker, clear, failing] = await Promise.all(
  [
    "./pages/attach_page.ts",
    "../../client/adapters/browser_worker.ts",
    "./pages/clear_worker.ts",
    "./pages/failing_worker.ts",
  ].map((path) => bundle(new URL(path, import.meta.url))),
);

for (const kind of ["chromium", "firefox"] as const) {
  Deno.test(`no frame leaves ${kind} in the clear, whatever is done to a call`, async (t) => {
    const remote = await openRemotePage(kind, {
      "/page.js": page!,
      "/worker.js": worker!,
      "/clear_worker.js": clear!,
      "/failing_worker.js": failing!,
    });
    if (remote === null) return say(`skipped: there is no ${kind}`);
    const tell = async (name: keyof AttachCases) => {
      const ended = await remote.ask<Ended>(name);
      say(`${remote.browser}: ${name}: ${figures(ended)}`);
      return ended;
    };
    try {
      await t.step("the receiver sees what is sent in the clear, and decodes it", async () => {
        const { clear, sealed, decoded } = await tell("control");
        assert.ok(clear[0] > 20 && clear[1] > 20 && decoded > 10);
        assert.deepEqual(sealed, [0, 0]);
      });
      for (const [name, what, outcomes] of CASES) {
        await t.step(what, async () => {
          const ended = await tell(name);
          assertSealed(ended);
          const outcome = outcomeOf(ended);
          assert.ok((outcomes as readonly string[]).includes(outcome), `it ends ${outcome}`);
        });
      }
      await t.step("a codec without an envelope is negotiated: nothing of it leaves", async () => {
        const ended = await tell("codecWithoutEnvelope");
        assertSealed(ended);
        assert.equal(ended.last[0], 0);
        assert.ok(ended.refused["unsupported_codec"]! > 10);
      });
      await t.step("a script goes around the guard: the watchdog stops the call", async () => {
        const ended = await tell("aroundTheGuard");
        assert.equal(outcomeOf(ended), "bypass_detected");
        // Firefox sends in the clear until the watchdog's next look; Chromium sends nothing.
        if (kind === "chromium") assertSealed(ended);
      });
    } finally {
      await remote.close();
    }
  });
}

function assertSealed({ clear, sealed, opened, decoded }: Ended): void {
  assert.deepEqual(clear, [0, 0]);
  assert.equal(decoded, 0);
  // What looked sealed was: it opens with the keys.
  assert.equal(opened, sealed[0] + sealed[1]);
}

function outcomeOf({ failures, last }: Ended): string {
  const isFlowing = last[0] > 10 && last[1] > 2;
  if (failures.length === 0) return isFlowing ? "encrypted" : `silent, ${last}`;
  // Without a track Firefox sends a black picture each second.
  return last[0] === 0 && last[1] <= 2 ? failures.join() : `${failures} and goes on, ${last}`;
}

function figures(ended: Ended): string {
  const { clear, sealed, opened, decoded, unsupported } = ended;
  return `${clear[0] + clear[1]} frames in the clear, ${decoded} decoded without keys, ` +
    `${opened} of ${sealed[0] + sealed[1]} sealed ones authentic; ${outcomeOf(ended)}` +
    (unsupported === "" ? "" : `; ${unsupported}`);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
