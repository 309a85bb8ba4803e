/**
 * Calls between Chromium and Firefox, each as the caller, with every codec that both have.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Codec } from "../../client/adapters/browser.ts";
import { bundle } from "./harness.ts";
import { type SeenFrame } from "./pages/codec_page.ts";
import { type Side } from "./pages/party.ts";
import { openRemotePage, type RemotePage } from "./remote.ts";
import { assertSealed } from "./sealed_frames.ts";

const VIDEO: readonly Codec[] = ["vp8", "vp9", "av1"];
/** From the open gates until both sides have seen enough. */
const PATIENCE_MS = 30_000;

Deno.test("Chromium and Firefox call each other, and nothing of a codec is on the wire", async (t) => {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/remote_party.ts", import.meta.url)),
    bundle(new URL("./pages/tap_worker.ts", import.meta.url)),
  ]);
  const scripts = { "/page.js": page, "/tap_worker.js": worker };
  const firefox = await openRemotePage("firefox", scripts);
  if (firefox === null) return say("skipped: there is no Firefox");
  const chromium = (await openRemotePage("chromium", scripts))!;
  try {
    for (const codec of VIDEO) {
      for (const [caller, callee] of [[chromium, firefox], [firefox, chromium]] as const) {
        await t.step(`${codec}: ${caller.browser} calls ${callee.browser}`, async () => {
          const { sides, frames } = await call(caller, callee, ["opus", codec]);
          for (const { failures, stats, browser } of sides) {
            assert.deepEqual(failures, []);
            assert.deepEqual(stats.refused, {});
            assert.ok(browser.framesDecoded >= 20 && stats.framesOpened > 50);
          }
          const mimes = ["audio/opus", `video/${codec}`];
          const [caller_, callee_] = frames;
          assertSealed(wired(caller_, callee_, codec), mimes);
          assertSealed(wired(callee_, caller_, codec), mimes);
        });
      }
    }
  } finally {
    await firefox.close();
    await chromium.close();
  }
});

/** What one side's encoders gave, and what came at the other. */
function wired(
  from: readonly SeenFrame[],
  to: readonly SeenFrame[],
  codec: Codec,
): readonly SeenFrame[] {
  return [
    ...from.filter(({ side }) => side === "send"),
    ...to.filter(({ side }) => side === "recv"),
  ]
    // Firefox does not say it of a frame.
    .map((frame) => ({
      ...frame,
      mimeType: frame.mimeType === ""
        ? frame.ctx === 0 ? "audio/opus" : `video/${codec}`
        : frame.mimeType,
    }));
}

async function call(caller: RemotePage, callee: RemotePage, codecs: readonly Codec[]) {
  const both = [caller, callee] as const;
  const each = <T>(name: string, ...args: unknown[]) =>
    Promise.all(both.map((page) => page.ask<T>(name, ...args)));
  await each("begin", codecs);
  const answer = await callee.ask<string>("answer", await caller.ask<string>("offer"));
  await caller.ask("accept", answer);
  await Promise.all(both.map((page, self) => page.ask("start", self)));
  const look = () => each<Side>("look");
  const isEnough = ({ browser, stats }: Side) =>
    browser.framesDecoded >= 60 && browser.audioEnergy > 0 && stats.framesProtected > 120;
  let sides = await look();
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    if (sides.every(isEnough)) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
    sides = await look();
  }
  say(sides.map(({ browser }) => JSON.stringify(browser)).join("; "));
  const frames = await each<readonly SeenFrame[]>("end") as [SeenFrame[], SeenFrame[]];
  return { sides, frames };
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
