/**
 * What the messages of `handshake.json` rest on: each shared secret, the epochs made of them, and what
 * they export.
 *
 * @module
 */

import {
  deriveEpoch,
  deriveOfferEpoch,
  type Epoch,
  exporterOf,
  type OfferEpoch,
} from "../../crypto/epoch.ts";
import { parseEncapsulationKey } from "../../crypto/keys.ts";
import { mlKem768Decapsulate, x25519 } from "../../crypto/primitives.ts";
import { type Exporter } from "../../crypto/schedule.ts";
import { fromHex } from "../support/hex.ts";
import {
  type CallVector,
  ct1Of,
  ct2Of,
  ekOf,
  type EpochVector,
  type ExportVector,
} from "./call_vector.ts";
import { deviceOf, type People } from "./check_devices.ts";
import { type PrekeyVector, usedPrekeys } from "./check_prekeys.ts";
import { agreementKeyPair, kemKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** What one call is checked with. */
export interface Scene {
  readonly call: CallVector;
  readonly people: People;
  readonly prekeys: PrekeyVector;
  readonly tally: Tally;
}

/** Checks shared secrets, both epochs and what is exported. */
export async function checkSecrets(
  { call, people, prekeys, tally }: Scene,
): Promise<void> {
  const [caller, callee] = [deviceOf(people, call.caller), deviceOf(people, call.callee)];
  const [ea, eb] = [
    await agreementKeyPair(call.EA_private),
    await agreementKeyPair(call.EB_private),
  ];
  const { spk, kpk, opk } = await usedPrekeys(prekeys, call.opk);
  const kem = await kemKeyPair(call.KA_seed, parseEncapsulationKey(ekOf(call)));
  const offered = [
    await x25519(caller.keys.identity.privateKey, spk.publicKey),
    await x25519(ea.privateKey, callee.entry.identity),
    await x25519(ea.privateKey, spk.publicKey),
    ...(opk === null ? [] : [await x25519(ea.privateKey, opk.publicKey)]),
  ];
  tally.same(`${call.name}: DHs`, offered.length, call.dh_offer.length);
  offered.forEach((dh, i) => tally.same(`${call.name}: DH${i + 1}`, dh, call.dh_offer[i]!));
  const ss1 = await mlKem768Decapsulate(kpk.privateKey, ct1Of(call));
  tally.same(`${call.name}: SS1`, ss1, call.ss1);
  const dh5 = await x25519(eb.privateKey, ea.publicKey);
  const dh6 = await x25519(eb.privateKey, caller.entry.identity);
  const ss2 = await mlKem768Decapsulate(kem.privateKey, ct2Of(call));
  tally.same(`${call.name}: DH5`, dh5, call.dh_answer[0]!);
  tally.same(`${call.name}: DH6`, dh6, call.dh_answer[1]!);
  tally.same(`${call.name}: SS2`, ss2, call.ss2);
  const psk = call.psk === null ? [] : [fromHex(call.psk)];
  const epoch0 = deriveOfferEpoch(fromHex(call.th0), [...offered, ss1, ...psk]);
  checkEpochSecrets(tally, `${call.name}: epoch 0`, epoch0, call.epoch_0);
  const epoch1 = deriveEpoch(1, fromHex(call.th1), epoch0, [dh5, dh6, ss2]);
  checkEpochSecrets(tally, `${call.name}: epoch 1`, epoch1, call.epoch_1);
  checkExports(tally, call.name, exporterOf(epoch1), call.exports);
}

/** Compares an epoch's secrets. */
export function checkEpochSecrets(
  tally: Tally,
  at: string,
  ours: OfferEpoch | Epoch,
  theirs: EpochVector,
): void {
  tally.same(`${at}: root`, ours.root.expose(), theirs.root);
  tally.same(`${at}: ckA`, ours.ckA.expose(), theirs.ck_a);
  tally.same(`${at}: ckB`, ours.ckB.expose(), theirs.ck_b);
  tally.same(`${at}: kc`, ours.kc.expose(), theirs.kc);
  if ("exp" in ours) tally.same(`${at}: exp`, ours.exp.expose(), theirs.exp ?? null);
}

/** Compares what an exporter gives. */
export function checkExports(
  tally: Tally,
  at: string,
  exporter: Exporter,
  vectors: readonly ExportVector[],
): void {
  for (const { label, context, length, value } of vectors) {
    tally.same(`${at}: export ${label}`, exporter(label, fromHex(context), length), value);
  }
}
