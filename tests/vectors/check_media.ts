/**
 * Frame keys and frames of `media.json`: derived, protected and opened.
 *
 * A frame key stays in WebCrypto, so it is compared by what it encrypts.
 *
 * @module
 */

import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { type Codec, type FrameType, wrap } from "../../crypto/envelope.ts";
import { type Epoch, exporterOf } from "../../crypto/epoch.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { aesSeal, importAesKey } from "../../crypto/primitives.ts";
import { CallSchedule } from "../../crypto/call_schedule.ts";
import { type CallKeys, CTX, type Ctx, type Exporter } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { deriveFrameKey, type FrameKey, sealFrame } from "../../crypto/sframe.ts";
import { fromHex } from "../support/hex.ts";
import { type Tally } from "./tally.ts";

/** `media.json`. */
export interface MediaVectors {
  readonly exp: string;
  readonly ES: string;
  readonly keys: readonly KeyVector[];
  readonly later: readonly EpochVector[];
  readonly frames: readonly FrameVector[];
}

/** An epoch that a rekey led to. */
interface EpochVector {
  readonly epoch: number;
  readonly exp: string;
  readonly keys: readonly KeyVector[];
}

interface KeyVector {
  readonly sender: 0 | 1;
  readonly medium: keyof typeof CTX;
  readonly ctx: Ctx;
  readonly kid: number;
  readonly base: string;
  readonly sframe_key: string;
  readonly sframe_salt: string;
}

interface FrameVector {
  readonly codec: Codec;
  readonly frame_type: FrameType;
  readonly sender: 0 | 1;
  readonly ctx: Ctx;
  readonly ctr: number;
  readonly frame: string;
  readonly sframe: string;
  readonly wire: string;
}

const NONE: Bytes = new Uint8Array(0);

/** Checks frame keys and frames. */
export async function checkMedia(vectors: MediaVectors, tally: Tally): Promise<void> {
  const exporter = exporterFrom(vectors.exp);
  const schedules = [new CallSchedule(0, exporter), new CallSchedule(1, exporter)] as const;
  const sides = [schedules[0].keys, schedules[1].keys] as const;
  enter(schedules, 1, exporter);
  tally.same("ES", exporter("call", NONE, 32), vectors.ES);
  for (const key of vectors.keys) {
    const name = `key of side ${key.sender} for ${key.medium}`;
    await tally.check(name, (at) => checkKey(sides, key, tally, at));
  }
  for (const frame of vectors.frames) {
    const name = `${frame.codec} frame ${frame.ctr} of side ${frame.sender}`;
    await tally.check(name, (at) => checkFrame(sides, frame, tally, at));
  }
  // After the frames: with later epochs the first one is over.
  for (const { epoch, exp, keys } of vectors.later) {
    enter(schedules, epoch, exporterFrom(exp));
    for (const key of keys) {
      const name = `key of side ${key.sender} for ${key.medium} in epoch ${epoch}`;
      await tally.check(name, (at) => checkKey(sides, key, tally, at));
    }
  }
}

function exporterFrom(exp: string): Exporter {
  return exporterOf({ exp: new Secret(fromHex(exp)) } as unknown as Epoch);
}

function enter(schedules: readonly CallSchedule[], epoch: number, exporter: Exporter): void {
  for (const schedule of schedules) {
    schedule.install(epoch, exporter);
    schedule.use(epoch);
  }
}

async function checkKey(
  sides: readonly [CallKeys, CallKeys],
  vector: KeyVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const { sender, kid } = vector;
  tally.same(`${at}: ctx`, CTX[vector.medium], vector.ctx);
  const ours: readonly (readonly [string, FrameKey | null])[] = [
    ["sent", await sides[sender].sendKey(vector.ctx)],
    ["received", await sides[1 - sender as 0 | 1].recvKey(kid)],
    ["from its base", await deriveFrameKey(fromHex(vector.base), kid, 5)],
  ];
  const theirs = await importAesKey(fromHex(vector.sframe_key));
  for (const [how, key] of ours) {
    tally.same(`${at}, ${how}: KID`, key?.kid ?? null, kid);
    tally.same(`${at}, ${how}: salt`, key?.salt ?? null, vector.sframe_salt);
    if (key === null) continue;
    const [nonce, text] = [new Uint8Array(12), utf8("compared")];
    const expected = await aesSeal(theirs, nonce, NONE, text);
    const same = (await aesSeal(key.key, nonce, NONE, text)).join() === expected.join();
    tally.same(`${at}, ${how}: key`, same, true);
  }
}

async function checkFrame(
  sides: readonly [CallKeys, CallKeys],
  vector: FrameVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const { codec, frame_type, sender, ctx, ctr, frame, sframe, wire } = vector;
  const key = await sides[sender].sendKey(ctx);
  const sealed = await sealFrame(key, ctr, NONE, fromHex(frame));
  tally.same(`${at}: SFrame`, sealed, sframe);
  tally.same(`${at}: wire`, wrap(codec, frame_type, sealed), wire);
  const received = await sides[1 - sender as 0 | 1].recvKey(key.kid);
  const cryptor = new FrameCryptor();
  cryptor.addRecvKey(received!);
  tally.same(
    `${at}: opens`,
    await cryptor.unprotect({ index: key.kid >>> 11, ctx, codec }, fromHex(wire)),
    frame,
  );
  if (ctr !== 0) return;
  cryptor.setSendKey(ctx, key);
  const first = await cryptor.protect({ ctx, codec, frameType: frame_type }, fromHex(frame));
  tally.same(`${at}: protected`, first, wire);
}
