/**
 * Prekey sets of `prekeys.json`: signed again, and verified with their one-time prekeys.
 *
 * @module
 */

import { type VerifiedBundle, verifyBundle } from "../../crypto/bundle.ts";
import { type Bytes, toHex } from "../../crypto/bytes.ts";
import { parseAgreementKey, parseEncapsulationKey } from "../../crypto/keys.ts";
import {
  checkOneTimePrekey,
  oneTimePrekey,
  oneTimeRoot,
  type PrekeySet,
  prekeySetHash,
  signPrekeySet,
  verifyPrekeySet,
} from "../../crypto/prekey.ts";
import { type UsedPrekeys } from "../../crypto/x3dh.ts";
import { fromHex } from "../support/hex.ts";
import { deviceOf, newestRecord, type People } from "./check_devices.ts";
import { agreementKeyPair, kemKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** `prekeys.json`. */
export interface PrekeyVectors {
  readonly prekeys: readonly PrekeyVector[];
}

/** One prekey set with its private halves. */
export interface PrekeyVector {
  readonly device: string;
  readonly set_number: number;
  readonly not_before: number;
  readonly not_after: number;
  readonly spk_id: number;
  readonly spk_private: string;
  readonly spk: string;
  readonly kpk_id: number;
  readonly kpk_seed: string;
  readonly opk_root: string;
  readonly one_time_prekeys: readonly {
    readonly i: number;
    readonly opk_private: string;
    readonly opk: string;
    readonly path: readonly string[];
  }[];
  readonly prekey_set: string;
  readonly prekey_set_hash: string;
  readonly signature: string;
}

/** Where the ML-KEM prekey stands in a set. */
const KPK_AT = 99;

/** The ML-KEM prekey of a set. */
export function kpkOf(vector: PrekeyVector): Bytes {
  return fromHex(vector.prekey_set).slice(KPK_AT, KPK_AT + 1184);
}

/** The bundle of a set as its caller believes it. @param opk index of the one-time prekey, or null */
export function bundleOf(
  people: People,
  vector: PrekeyVector,
  opk: number | null,
): Promise<VerifiedBundle> {
  const device = deviceOf(people, vector.device);
  const given = opk === null ? undefined : vector.one_time_prekeys[opk];
  const bundle = {
    deviceId: device.entry.deviceId,
    set: fromHex(vector.prekey_set),
    signature: fromHex(vector.signature),
    opk: given === undefined ? null : {
      index: given.i,
      key: parseAgreementKey(fromHex(given.opk)),
      path: given.path.map(fromHex),
    },
  };
  return verifyBundle(newestRecord(people, device), bundle, vector.not_before, null);
}

/** The private prekeys that an offer uses. @param opk index of the one-time prekey, or null */
export async function usedPrekeys(vector: PrekeyVector, opk: number | null): Promise<UsedPrekeys> {
  return {
    setBytes: fromHex(vector.prekey_set),
    spk: await agreementKeyPair(vector.spk_private),
    kpk: await kemKeyPair(vector.kpk_seed, parseEncapsulationKey(kpkOf(vector))),
    opk: opk === null ? null : await agreementKeyPair(vector.one_time_prekeys[opk]!.opk_private),
  };
}

/** Checks prekey sets. */
export async function checkPrekeys(
  people: People,
  vectors: PrekeyVectors,
  tally: Tally,
): Promise<void> {
  for (const vector of vectors.prekeys) {
    const name = `prekeys of ${vector.device}`;
    await tally.check(name, (at) => checkPrekeySet(people, vector, tally, at));
  }
}

async function checkPrekeySet(
  people: People,
  vector: PrekeyVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const device = deviceOf(people, vector.device);
  const used = await usedPrekeys(vector, null);
  const opks = vector.one_time_prekeys.map(({ opk }) => parseAgreementKey(fromHex(opk)));
  tally.same(`${at}: SPK`, used.spk.publicKey, vector.spk);
  tally.same(`${at}: root`, oneTimeRoot(opks), vector.opk_root);
  const fields: PrekeySet = {
    deviceEntryHash: device.entryHash,
    setNumber: vector.set_number,
    notBeforeMs: vector.not_before,
    notAfterMs: vector.not_after,
    spkId: vector.spk_id,
    spk: used.spk.publicKey,
    kpkId: vector.kpk_id,
    kpk: used.kpk.publicKey,
    opkCount: opks.length,
    opkRoot: oneTimeRoot(opks),
  };
  const ours = await signPrekeySet(fields, device.keys.signing);
  tally.same(`${at}: set`, ours.set, vector.prekey_set);
  tally.same(`${at}: signature`, ours.signature, vector.signature);
  tally.same(`${at}: hash`, prekeySetHash(ours.set), vector.prekey_set_hash);

  const signed = { set: fromHex(vector.prekey_set), signature: fromHex(vector.signature) };
  const { entryHash, entry: { signing } } = device;
  const set = await verifyPrekeySet(signed, { entryHash, signing });
  tally.same(`${at}: read number`, set.setNumber, vector.set_number);
  tally.same(`${at}: read root`, set.opkRoot, vector.opk_root);
  for (const { i, opk_private, opk, path } of vector.one_time_prekeys) {
    const { publicKey } = await agreementKeyPair(opk_private);
    tally.same(`${at}: one-time prekey ${i}`, publicKey, opk);
    const made = oneTimePrekey(opks, i);
    tally.same(`${at}: path ${i}`, made.path.map(toHex).join(), path.join());
    checkOneTimePrekey(set, { index: i, key: publicKey, path: path.map(fromHex) });
  }
}
