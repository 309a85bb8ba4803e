/**
 * Frames that somebody else sends, who has none of the keys: what they cost, and that they change nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { type Codec, type FrameType, unwrap } from "../../crypto/envelope.ts";
import { CryptoError } from "../../crypto/error.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { CTX, frameKid } from "../../crypto/schedule.ts";
import { deriveFrameKey, sealFrame } from "../../crypto/sframe.ts";
import { portable } from "../support/portable.ts";
import { MAX_WAITING_FRAMES, WaitingFrames } from "../../client/adapters/browser_waiting.ts";

const MANY = 100_000;
const FIRST = { epoch: 1, step: 0 };
const MIC = { index: 0, ctx: CTX.mic, codec: "opus", frameType: "delta" } as const;

Deno.test("a hundred thousand replayed frames are refused, each counted, duplicates apart", async () => {
  const { alice, bob } = await sides();
  const wires: Bytes[] = [];
  for (let i = 0; i < 2_048; i++) wires.push(await alice.protect(MIC, utf8(`${i}`)));
  for (const wire of wires) await bob.unprotect(MIC, wire);
  using operations = new CountedOperations();
  const begin = performance.now();
  const codes = new Map<string, number>();
  for (let i = 0; i < MANY; i++) {
    const code = await codeOf(bob.unprotect(MIC, wires[i % wires.length]!));
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const took = performance.now() - begin;
  const { framesOpened, duplicates, refused } = bob.stats();
  assert.equal(framesOpened, wires.length);
  // What is within the window may be a retransmission; what is older is none.
  assert.deepEqual({ duplicate_frame: duplicates, ...refused }, Object.fromEntries(codes));
  assert.equal(duplicates + refused["replayed_frame"]!, MANY);
  assert.equal(operations.total, 0, "a replay costs no cryptography");
  say(`replays: ${duplicates} duplicates, ${refused["replayed_frame"]} too old, ${per(took)} each`);
  assert.deepEqual(await bob.unprotect(MIC, await alice.protect(MIC, utf8("on"))), utf8("on"));
});

Deno.test("retransmissions are duplicates, and no refusals", async () => {
  const { alice, bob } = await sides();
  for (let i = 0; i < 1_000; i++) {
    const wire = await alice.protect(MIC, utf8(`${i}`));
    await bob.unprotect(MIC, wire);
    if (i % 10 === 0) assert.equal(await codeOf(bob.unprotect(MIC, wire)), "duplicate_frame");
  }
  const { framesOpened, duplicates, refused } = bob.stats();
  assert.deepEqual({ framesOpened, duplicates, refused }, {
    framesOpened: 1_000,
    duplicates: 100,
    refused: {},
  });
});

Deno.test("a flood of forged KIDs derives no key, keeps 64 frames, and the honest frames go on", async () => {
  const { alice, bob } = await sides();
  const forgery = await deriveFrameKey(new Uint8Array(64), frameKid(FIRST, 0, CTX.mic));
  const waiting = new WaitingFrames<Bytes>();
  using operations = new CountedOperations();
  assert.equal(await codeOf(bob.unprotect(MIC, await alice.protect(MIC, utf8("one")))), "opened");
  assert.ok(operations.total > 0, "what is counted is what is used");
  let [asked, kept, opened, dropped, spentMs] = [0, 0, 0, 0, 0];
  for (let i = 0; i < MANY; i++) {
    // KIDs of this participant and others, of this medium and others; ten come in a millisecond.
    const kid = i % 8 === 0 ? i % 256 : i;
    const wire = await sealFrame({ ...forgery, kid }, MANY + i, new Uint8Array(0), utf8("forged"));
    operations.begin();
    const begin = performance.now();
    const missing = bob.missingKid(MIC, wire);
    if (missing !== null) {
      kept++;
      const want = waiting.keep(missing, wire, wire.length, i / 10);
      if (want.ask) asked++;
      dropped += want.dropped;
    } else {
      assert.equal(await codeOf(bob.unprotect(MIC, wire)), "bad_frame");
    }
    spentMs += performance.now() - begin;
    // Of its own medium and participant a KID is tried once, and opens nothing; of others, never.
    const held = kid === frameKid(FIRST, 0, CTX.mic);
    assert.deepEqual(operations.counts, held ? { decrypt: 1 } : {});
    if (i % 100 > 0) continue;
    const honest = await alice.protect(MIC, utf8(`${i}`));
    assert.equal(bob.missingKid(MIC, honest), null);
    await bob.unprotect(MIC, honest);
    waiting.opened();
    opened++;
  }
  assert.equal(bob.stats().framesOpened, 1 + opened);
  assert.ok(waiting.size.frames <= MAX_WAITING_FRAMES);
  assert.equal(waiting.size.frames + dropped, kept);
  // Ten seconds, in each of which it is asked once.
  assert.ok(asked <= 10, `${asked}`);
  say(
    `forged KIDs: ${MANY}, of which ${kept} waited, ${asked} questions, 0 derivations, ` +
      `${waiting.size.frames} frames of ${waiting.size.bytes} bytes kept, ${per(spentMs)} each`,
  );
});

Deno.test("of a frame of any codec, every bit is authenticated, or one of its envelope's constants", async () => {
  for (const codec of ["opus", "red", "vp8", "vp9", "av1", "h264"] as const) {
    for (const frameType of ["key", "delta"] as const) {
      const { flipped, same } = await flipAll(codec, frameType);
      say(`${codec} ${frameType}: ${flipped} bits, of which ${same} change nothing`);
    }
  }
});

/** Flips each bit of a frame: it is refused, unless the envelope around the same SFrame changed. */
async function flipAll(
  codec: Codec,
  frameType: FrameType,
): Promise<{ flipped: number; same: number }> {
  const { alice, bob } = await sides();
  const medium = { index: 0, ctx: CTX.camera, codec } as const;
  const clear = utf8("a frame of some forty bytes, with its text");
  const wire = await alice.protect({ ...medium, frameType }, clear);
  const sframe = unwrap(codec, wire);
  let same = 0;
  for (let bit = 0; bit < wire.length * 8; bit++) {
    const bad = wire.slice();
    bad[bit >> 3]! ^= 1 << (bit & 7);
    if (isEnvelopeOf(codec, bad, sframe)) {
      same++;
      continue;
    }
    const code = await codeOf(bob.unprotect(medium, bad));
    assert.notEqual(code, "opened", `${codec} ${frameType}, bit ${bit}`);
  }
  // Stacks rewrite the parameter sets in front of an H.264 key frame, so a receiver skips them.
  assert.ok(same === 0 || codec === "h264" && frameType === "key");
  assert.deepEqual(await bob.unprotect(medium, wire), clear);
  return { flipped: wire.length * 8, same };
}

function isEnvelopeOf(codec: Codec, wire: Bytes, sframe: Bytes): boolean {
  try {
    const found = unwrap(codec, wire);
    return found.length === sframe.length && found.every((byte, i) => byte === sframe[i]);
  } catch {
    return false;
  }
}

/** Counts what WebCrypto is asked for, until it is disposed of. */
class CountedOperations {
  counts: Record<string, number> = {};
  /** WebCrypto alone can be asked in between. */
  readonly #without = portable();
  readonly #names = ["importKey", "deriveBits", "deriveKey", "sign", "decrypt"] as const;

  constructor() {
    for (const name of this.#names) {
      const own = (SubtleCrypto.prototype[name] as (...args: unknown[]) => unknown).bind(
        crypto.subtle,
      );
      Object.defineProperty(crypto.subtle, name, {
        configurable: true,
        value: (...args: unknown[]) => {
          this.counts[name] = (this.counts[name] ?? 0) + 1;
          return own(...args);
        },
      });
    }
  }

  begin(): void {
    this.counts = {};
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  [Symbol.dispose](): void {
    this.#without[Symbol.dispose]();
    for (const name of this.#names) {
      delete (crypto.subtle as unknown as Record<string, unknown>)[name];
    }
  }
}

async function sides(): Promise<{ alice: FrameCryptor; bob: FrameCryptor }> {
  const [alice, bob] = [new FrameCryptor(), new FrameCryptor()];
  for (const ctx of [CTX.mic, CTX.camera]) {
    const key = await deriveFrameKey(new Uint8Array(64).fill(1 + ctx), frameKid(FIRST, 0, ctx));
    alice.setSendKey(ctx, key);
    bob.addRecvKey(key);
  }
  return { alice, bob };
}

async function codeOf(opening: Promise<Bytes>): Promise<string> {
  try {
    await opening;
    return "opened";
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    return error.code;
  }
}

function per(ms: number): string {
  return `${(1_000 * ms / MANY).toFixed(1)} us`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
