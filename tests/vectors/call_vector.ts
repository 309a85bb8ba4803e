/**
 * One call of `handshake.json`, and where its fresh keys and ciphertexts stand in its messages.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { deriveEpoch, deriveOfferEpoch, type Epoch, type OfferEpoch } from "../../crypto/epoch.ts";
import { fromHex } from "../support/hex.ts";

/** `handshake.json`. */
export interface CallVectors {
  readonly calls: readonly CallVector[];
}

/** The secrets of an epoch. */
export interface EpochVector {
  readonly root: string;
  readonly ck_a: string;
  readonly ck_b: string;
  readonly kc: string;
  /** Absent in epoch 0. */
  readonly exp?: string;
}

/** What an exporter gives. */
export interface ExportVector {
  readonly label: string;
  readonly context: string;
  readonly length: number;
  readonly value: string;
}

/** One handshake. */
export interface CallVector {
  readonly name: string;
  readonly caller: string;
  readonly callee: string;
  readonly opk: number | null;
  readonly psk: string | null;
  readonly room_id: string;
  readonly call_id: string;
  readonly sent_ms: number;
  readonly ttl_s: number;
  readonly KA_seed: string;
  readonly EA_private: string;
  readonly m1: string;
  readonly EB_private: string;
  readonly m2: string;
  readonly offer_payload: string;
  readonly answer_payload: string;
  readonly confirm_payload: string;
  readonly refusal_payload: string;
  readonly withdrawal_payload: string;
  readonly common: string;
  readonly common_hash: string;
  readonly dh_offer: readonly string[];
  readonly ss1: string;
  readonly th0: string;
  readonly epoch_0: EpochVector;
  readonly offer: string;
  readonly refusal: string;
  readonly withdrawal: string;
  readonly dh_answer: readonly string[];
  readonly ss2: string;
  readonly th1: string;
  readonly epoch_1: EpochVector & { readonly exp: string };
  readonly answer: string;
  readonly confirm: string;
  readonly exports: readonly ExportVector[];
}

const EK_BYTES = 1184;
const CT_BYTES = 1088;
const OFFER_HEADER_BYTES = 136 + CT_BYTES;
const ANSWER_PART_BYTES = 69 + CT_BYTES;

/** KA.ek: the last thing in a CallCommon. */
export function ekOf({ common }: CallVector): Bytes {
  return fromHex(common).slice(-EK_BYTES);
}

/** ct1: the last thing in an OfferHeader. */
export function ct1Of({ offer }: CallVector): Bytes {
  return fromHex(offer).slice(OFFER_HEADER_BYTES - CT_BYTES, OFFER_HEADER_BYTES);
}

/** ct2: the last thing in an AnswerHeader. */
export function ct2Of({ answer }: CallVector): Bytes {
  return fromHex(answer).slice(ANSWER_PART_BYTES - CT_BYTES, ANSWER_PART_BYTES);
}

/** Epoch 0, from the vector's shared secrets. */
export function epoch0Of({ th0, dh_offer, ss1, psk }: CallVector): OfferEpoch {
  const shared = [...dh_offer, ss1, ...(psk === null ? [] : [psk])];
  return deriveOfferEpoch(fromHex(th0), shared.map(fromHex));
}

/** Epoch 1, from the vector's shared secrets. */
export function epoch1Of(call: CallVector): Epoch {
  const shared = [...call.dh_answer, call.ss2].map(fromHex);
  return deriveEpoch(1, fromHex(call.th1), epoch0Of(call), shared);
}
