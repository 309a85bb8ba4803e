/**
 * Frames of every suite of RFC 9605, both ways between us and an implementation in C++ (cisco/sframe).
 *
 * The library is not fetched here: `COUNTERSIGN_SFRAME` names its sources, with a build of them in
 * `build/` (`cmake -S . -B build && cmake --build build`, with OpenSSL 3). `cpp/sframe.cpp` is linked to it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { readWideHeader, type Uint64 } from "../../crypto/sframe_header.ts";
import { ReceiverRatchet, SenderRatchet } from "../../crypto/sframe_ratchet.ts";
import {
  deriveSframeKey,
  openSframe,
  sealSframe,
  type SframeSuite,
} from "../../crypto/sframe_suites.ts";
import { fromHex } from "../support/hex.ts";
import { runTool } from "./go_tool.ts";

/** Those that the library has; the AES-256 ones of the draft are not among them. */
const SUITES = [1, 2, 3, 4, 5] as const;
const NONE = new Uint8Array(0);

/** Both ends of every width that a header has. */
const INTEGERS: readonly Uint64[] = [
  0,
  7,
  8,
  255,
  256,
  2 ** 24,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 48,
  Number.MAX_SAFE_INTEGER,
  2n ** 53n,
  2n ** 56n - 1n,
  2n ** 56n,
  2n ** 64n - 2n,
];

/** One frame and what belongs to it. */
interface Sample {
  readonly suite: SframeSuite;
  readonly kid: Uint64;
  readonly ctr: Uint64;
  readonly base: Bytes;
  readonly metadata: Bytes;
  readonly plaintext: Bytes;
}

Deno.test("cisco/sframe and we seal the same frames, and open each other's", async () => {
  await withLibrary(async (ask) => {
    const samples = SUITES.flatMap(samplesOf);
    const theirs = await ask(samples.map(sealLine));
    const ours: Bytes[] = [];
    for (const [i, sample] of samples.entries()) {
      const { suite, kid, ctr, base, metadata, plaintext } = sample;
      const name = `suite ${suite}, KID ${kid}, CTR ${ctr}, ${plaintext.length} bytes`;
      const key = await deriveSframeKey(base, kid, suite);
      const sealed = await sealSframe(key, ctr, metadata, plaintext);
      // Nothing in a frame is left to chance, so each side's frame is the other's.
      assert.equal(theirs[i], hex(sealed), name);
      const frame = bytesOf(theirs[i]!);
      const opened = await openSframe(key, readWideHeader(frame), metadata, frame);
      assert.deepEqual(opened, plaintext, name);
      ours.push(sealed);
    }
    const opened = await ask(samples.map((sample, i) => openLine(sample, ours[i]!)));
    assert.deepEqual(opened, samples.map(({ plaintext }) => hex(plaintext)));
    for (const suite of SUITES) {
      const { length } = samples.filter((sample) => sample.suite === suite);
      say(`suite ${suite}: ${length} frames, sealed and opened both ways`);
    }
  });
});

Deno.test("cisco/sframe refuses what we refuse: every byte of a frame changed", async () => {
  await withLibrary(async (ask) => {
    for (const suite of SUITES) {
      const base = randomBytes(32);
      const sample = { suite, kid: 3, ctr: 5, base, metadata: utf8("meta"), plaintext: utf8("it") };
      const key = await deriveSframeKey(base, sample.kid, suite);
      const frame = await sealSframe(key, sample.ctr, sample.metadata, sample.plaintext);
      const changed = Array.from(frame, (byte, i) => {
        const copy = frame.slice();
        // In the header the counter alone: another KID has no key, on either side.
        copy[i] = byte ^ (i === 0 ? 1 : 0x80);
        return copy;
      });
      for (const each of changed) {
        const opening = openSframe(key, readWideHeader(each), sample.metadata, each);
        await assert.rejects(opening, { code: "bad_frame" });
      }
      const [whole, ...verdicts] = await ask(
        [frame, ...changed].map((each) => openLine(sample, each)),
      );
      assert.equal(whole, hex(sample.plaintext));
      // Its `authentication_error`.
      assert.deepEqual([...new Set(verdicts)], ["!6"], `suite ${suite}`);
    }
  });
});

Deno.test("the frames of a ratchet's steps are frames to cisco/sframe", async () => {
  await withLibrary(async (ask) => {
    const baseKey = randomBytes(32);
    const start = { baseKey, suite: 5, stepBits: 4, kid: 7 << 4 } as const;
    const [sender, receiver] = [new SenderRatchet(start), new ReceiverRatchet(start)];
    const frame = await sender.seal(NONE, utf8("step 0"));
    const sample = { ...start, ctr: 0, base: baseKey, metadata: NONE, plaintext: NONE };
    assert.deepEqual(await ask([openLine(sample, frame)]), [hex(utf8("step 0"))]);
    const [theirs] = await ask([sealLine({ ...sample, ctr: 900, plaintext: utf8("theirs") })]);
    assert.deepEqual(await receiver.open(NONE, bytesOf(theirs!)), utf8("theirs"));
  });
});

/** Every pair of integers, and plaintexts of every length about an AES block's. */
function samplesOf(suite: SframeSuite): readonly Sample[] {
  const metadata = utf8("metadata");
  const headers = INTEGERS.flatMap((kid) =>
    INTEGERS.map((ctr) => ({ kid, ctr, plaintext: randomBytes(20), metadata }))
  );
  const lengths = [...Array.from({ length: 50 }, (_, i) => i), 1_200, 60_000];
  const bodies = lengths.map((length) => ({
    kid: 3,
    ctr: length,
    plaintext: randomBytes(length),
    metadata: length % 2 === 0 ? NONE : randomBytes(length % 512),
  }));
  return [...headers, ...bodies].map((each) => ({ suite, base: randomBytes(32), ...each }));
}

function sealLine({ suite, kid, ctr, base, metadata, plaintext }: Sample): string {
  return `seal ${suite} ${kid} ${ctr} ${hex(base)} ${hex(metadata)} ${hex(plaintext)}`;
}

function openLine({ suite, kid, base, metadata }: Sample, frame: Bytes): string {
  return `open ${suite} ${kid} ${hex(base)} ${hex(metadata)} ${hex(frame)}`;
}

function hex(bytes: Bytes): string {
  return `x${toHex(bytes)}`;
}

function bytesOf(line: string): Bytes {
  assert.match(line, /^x/);
  return fromHex(line.slice(1));
}

/** Asks the library, line by line. */
type Ask = (lines: readonly string[]) => Promise<readonly string[]>;

async function withLibrary(work: (ask: Ask) => Promise<void>): Promise<void> {
  const library = Deno.env.get("COUNTERSIGN_SFRAME");
  if (library === undefined) {
    return say("skipped: COUNTERSIGN_SFRAME names no build of cisco/sframe");
  }
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/sframe`;
    const { code, text } = await runTool("g++", [
      "-std=c++17",
      `-I${library}/include`,
      `-I${library}/build/include`,
      "cpp/sframe.cpp",
      `${library}/build/libsframe.a`,
      "-lcrypto",
      "-o",
      program,
    ]);
    assert.equal(code, 0, text);
    await work((lines) => asked(program, lines));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function asked(program: string, lines: readonly string[]): Promise<readonly string[]> {
  const child = new Deno.Command(program, { stdin: "piped", stdout: "piped" }).spawn();
  const writing = new Blob([lines.map((line) => `${line}\n`).join("")]).stream().pipeTo(
    child.stdin,
  );
  const [{ success, stdout }] = await Promise.all([child.output(), writing]);
  const answers = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assert.ok(success);
  assert.equal(answers.length, lines.length);
  return answers;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
