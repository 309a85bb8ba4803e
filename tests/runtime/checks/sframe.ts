/**
 * Every vector of RFC 9605, and of the draft of its AES-256 suites, against our sources.
 *
 * Runs in each runtime (`runEverywhere`) and knows none of them.
 *
 * @module
 */

import { ctrOpen, ctrSeal, importCtrKey } from "../../../crypto/aes_ctr.ts";
import { toHex } from "../../../crypto/bytes.ts";
import {
  deriveFrameKey,
  encodeHeader,
  openFrame,
  readHeader,
  sealFrame,
} from "../../../crypto/sframe.ts";
import { encodeWideHeader, readWideHeader, uint64 } from "../../../crypto/sframe_header.ts";
import {
  deriveSframeKey,
  openSframe,
  sealSframe,
  type SframeSuite,
} from "../../../crypto/sframe_suites.ts";
import { fromHex } from "../../support/hex.ts";
import { loadNative, portably } from "../../support/portable.ts";
import {
  type AeadVector,
  type FrameVector,
  type HeaderVector,
  type SframeVectors,
} from "../../support/sframe_vectors.ts";
import { type Found, Tally } from "../../vectors/tally.ts";

/** Checks all of them, with the runtime's own functions and without. */
export async function run(all: SframeVectors): Promise<readonly Found[]> {
  await loadNative();
  return [await checked(all), await portably(() => checked(all))];
}

async function checked(all: SframeVectors): Promise<Found> {
  const tally = new Tally();
  for (const vector of all.header) await checkHeader(vector, tally);
  for (const vector of all.aead) await checkAead(vector, tally);
  for (const vector of all.frames) await checkFrame(vector, tally);
  return tally.found();
}

async function checkHeader({ kid, ctr, encoded }: HeaderVector, tally: Tally): Promise<void> {
  const [key, counter] = [uint64(BigInt(kid)), uint64(BigInt(ctr))];
  const at = `header ${encoded}`;
  tally.same(at, encodeWideHeader(key, counter), encoded);
  const read = readWideHeader(fromHex(encoded));
  // As one text, so that a number where a bigint belongs shows too.
  const said = (one: unknown, other: unknown) => `${typeof one} ${one}, ${typeof other} ${other}`;
  tally.same(`${at}, read`, said(read.kid, read.ctr), said(key, counter));
  tally.same(`${at}, length`, read.length, encoded.length / 2);
  // What calls read and write: the same, or nothing.
  if (typeof key === "number" && typeof counter === "number") {
    const header = readHeader(fromHex(encoded));
    tally.same(`${at}, read in calls`, said(header.kid, header.ctr), said(key, counter));
    tally.same(`${at}, in calls`, encodeHeader(key, counter), encoded);
  } else {
    const read = () => Promise.resolve().then(() => readHeader(fromHex(encoded)));
    await tally.refuses(`${at}, in calls`, "malformed", read);
  }
}

async function checkAead(vector: AeadVector, tally: Tally): Promise<void> {
  const [nonce, aad, pt, ct] = [vector.nonce, vector.aad, vector.pt, vector.ct].map(fromHex);
  const tagBytes = ct!.length - pt!.length as 4 | 8 | 10;
  const key = await importCtrKey(fromHex(vector.key), tagBytes);
  const at = `AEAD of suite ${vector.cipher_suite}`;
  tally.same(at, await ctrSeal(key, nonce!, aad!, pt!), vector.ct);
  tally.same(`${at}, opened`, await ctrOpen(key, nonce!, aad!, ct!), vector.pt);
}

async function checkFrame(vector: FrameVector, tally: Tally): Promise<void> {
  const suite = vector.cipher_suite as SframeSuite;
  const [base, metadata, pt, ct] = [vector.base_key, vector.metadata, vector.pt, vector.ct]
    .map(fromHex);
  const [kid, ctr] = [Number(vector.kid), Number(vector.ctr)];
  const at = `frame of suite ${suite}`;
  const key = await deriveSframeKey(base!, kid, suite);
  tally.same(`${at}, salt`, key.salt, vector.sframe_salt);
  tally.same(at, await sealSframe(key, ctr, metadata!, pt!), vector.ct);
  const opened = await openSframe(key, readWideHeader(ct!), metadata!, ct!);
  tally.same(`${at}, opened`, opened, vector.pt);
  if (suite !== 4 && suite !== 5) return;
  const own = await deriveFrameKey(base!, kid, suite);
  tally.same(`${at}, in calls`, await sealFrame(own, ctr, metadata!, pt!), vector.ct);
  const ownOpened = await openFrame(own, readHeader(ct!), metadata!, ct!);
  tally.same(`${at}, opened in calls`, toHex(ownOpened), vector.pt);
}
