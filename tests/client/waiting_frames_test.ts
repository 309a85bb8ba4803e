import assert from "node:assert/strict";
import {
  MAX_WAIT_MS,
  MAX_WAITING_BYTES,
  MAX_WAITING_FRAMES,
  MISSING_MS,
  WaitingFrames,
} from "../../client/adapters/browser_waiting.ts";

const KID = 0x110;
const noChance = () => 0;

Deno.test("frames wait for their key in their order, and come out once", () => {
  const waiting = new WaitingFrames<string>(noChance);
  waiting.keep(KID, "one", 10, 0);
  waiting.keep(KID + 1, "another key's", 10, 1);
  waiting.keep(KID, "two", 10, 2);
  assert.deepEqual(waiting.take(KID, 100), { frames: ["one", "two"], dropped: 0, isBroken: false });
  assert.deepEqual(waiting.take(KID, 100), { frames: [], dropped: 0, isBroken: false });
  assert.deepEqual(waiting.size, { frames: 1, bytes: 10 });
});

Deno.test("what waits is bounded in number, bytes and time, and what was dropped breaks the stream", () => {
  const byNumber = new WaitingFrames<number>(noChance);
  for (let i = 0; i < 1_000; i++) byNumber.keep(KID, i, 1, 0);
  assert.deepEqual(byNumber.size.frames, MAX_WAITING_FRAMES);
  const due = byNumber.take(KID, 0);
  assert.deepEqual([due.frames[0], due.frames.at(-1), due.isBroken], [936, 999, true]);

  const byBytes = new WaitingFrames<number>(noChance);
  for (let i = 0; i < 20; i++) byBytes.keep(KID, i, 100_000, 0);
  assert.ok(byBytes.size.bytes <= MAX_WAITING_BYTES);

  const byTime = new WaitingFrames<number>(noChance);
  byTime.keep(KID, 1, 1, 0);
  byTime.keep(KID, 2, 1, MAX_WAIT_MS + 1);
  assert.equal(byTime.size.frames, 1);
  const late = new WaitingFrames<number>(noChance);
  late.keep(KID, 1, 1, 0);
  assert.deepEqual(late.take(KID, MAX_WAIT_MS + 1), { frames: [], dropped: 1, isBroken: true });
});

Deno.test("a key is asked for once a second, however many frames and KIDs there are", () => {
  const waiting = new WaitingFrames<number>(noChance);
  let asked = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (waiting.keep(KID + ms % 200, ms, 100, ms).ask) asked++;
  }
  assert.equal(asked, 10);
});

Deno.test("after three seconds without a frame that opens the application is told, once", () => {
  const waiting = new WaitingFrames<number>(noChance);
  const told: number[] = [];
  for (let ms = 0; ms < 3 * MISSING_MS; ms += 20) {
    if (waiting.keep(KID, ms, 100, ms).isMissing) told.push(ms);
  }
  assert.deepEqual(told, [MISSING_MS]);
  waiting.opened();
  for (let ms = 3 * MISSING_MS; ms <= 4 * MISSING_MS; ms += 20) {
    if (waiting.keep(KID, ms, 100, ms).isMissing) told.push(ms);
  }
  assert.deepEqual(told, [MISSING_MS, 4 * MISSING_MS]);
});
