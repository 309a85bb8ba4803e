/**
 * Rekeys of `rekey.json` as far as epochs and chains carry them: each epoch's secrets from the one
 * before, and every sealed message in both directions. That sessions send and take these very bytes is
 * `check_rekey_session.ts`.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { confirmationTag, deriveEpoch, type Epoch, exporterOf } from "../../crypto/epoch.ts";
import { parseAgreementKey, parseEncapsulationKey } from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import { mlKem768Decapsulate, sha256, x25519 } from "../../crypto/primitives.ts";
import { ReceiveChain, SendChain } from "../../crypto/ratchet.ts";
import { Secret } from "../../crypto/secret.ts";
import { fromHex } from "../support/hex.ts";
import {
  type CallVector,
  type CallVectors,
  epoch1Of,
  type EpochVector,
  type ExportVector,
} from "./call_vector.ts";
import { deviceOf, type People } from "./check_devices.ts";
import { checkEpochSecrets, checkExports } from "./check_secrets.ts";
import { agreementKeyPair, kemKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** `rekey.json`. */
export interface RekeyVectors {
  /** The name of the call that it goes on from. */
  readonly call: string;
  /** Sealed in epoch 1. */
  readonly messages: readonly MessageVector[];
  readonly rekeys: readonly RekeyVector[];
}

/** One sealed message. */
export interface MessageVector {
  readonly what: "application" | "offer" | "answer" | "done";
  /** 0 the call's caller, 1 its callee. */
  readonly sender: 0 | 1;
  readonly epoch: number;
  readonly n: number;
  readonly content: string;
  readonly box: string;
}

/** One rekey, with its messages in the order in which they are sent. */
export interface RekeyVector {
  readonly epoch: number;
  readonly offerer: 0 | 1;
  readonly x_private: string;
  readonly ek_seed: string;
  readonly y_private: string;
  readonly m: string;
  readonly dh: readonly string[];
  readonly ss: string;
  readonly th: string;
  readonly secrets: EpochVector;
  readonly exports: readonly ExportVector[];
  readonly messages: readonly MessageVector[];
}

/** Type, epoch and X25519 key stand before the ML-KEM part of either message. */
const KEM_AT = 37;
/** What of a RekeyOffer is not its tag. */
const OFFER_PART_BYTES = KEM_AT + 1184;
/** What of a RekeyAnswer is not its tag. */
const ANSWER_PART_BYTES = KEM_AT + 1088;

/** The call that a rekey goes on from. */
export function callOf(vectors: RekeyVectors, calls: CallVectors): CallVector {
  return calls.calls.find(({ name }) => name === vectors.call)!;
}

/** A rekey's message of a kind. */
export function messageOf({ messages }: RekeyVector, what: MessageVector["what"]): MessageVector {
  return messages.find((message) => message.what === what)!;
}

/** The ek of a RekeyOffer or the ct of a RekeyAnswer. */
export function kemPartOf({ what, content }: MessageVector): Bytes {
  const bytes = fromHex(content);
  return bytes.slice(KEM_AT, what === "offer" ? OFFER_PART_BYTES : ANSWER_PART_BYTES);
}

/** Checks the epochs of rekeys and what is sealed in them. */
export async function checkRekeys(
  people: People,
  calls: CallVectors,
  vectors: RekeyVectors,
  tally: Tally,
): Promise<void> {
  const call = callOf(vectors, calls);
  let epoch = epoch1Of(call);
  const sealed = [...vectors.messages];
  for (const rekey of vectors.rekeys) {
    await tally.check(`rekey to epoch ${rekey.epoch}`, async (at) => {
      epoch = await checkEpoch(people, call, epoch, rekey, tally, at);
    });
    sealed.push(...rekey.messages);
  }
  const chains = [{ epoch: 1, th: call.th1, secrets: call.epoch_1 }, ...vectors.rekeys];
  for (const { epoch, th, secrets } of chains) {
    for (const sender of [0, 1] as const) {
      const key = sender === 0 ? secrets.ck_a : secrets.ck_b;
      const messages = sealed.filter((one) => one.epoch === epoch && one.sender === sender);
      await tally.check(`epoch ${epoch} of side ${sender}`, (at) => {
        return checkChain({ epoch, th, key, messages }, tally, at);
      });
    }
  }
}

async function checkEpoch(
  people: People,
  call: CallVector,
  before: Epoch,
  rekey: RekeyVector,
  tally: Tally,
  at: string,
): Promise<Epoch> {
  const names = [call.caller, call.callee] as const;
  const offerer = deviceOf(people, names[rekey.offerer]);
  const answerer = deviceOf(people, names[1 - rekey.offerer]!);
  const [offer, answer] = [messageOf(rekey, "offer"), messageOf(rekey, "answer")];
  const [x, y] = [await agreementKeyPair(rekey.x_private), await agreementKeyPair(rekey.y_private)];
  const kem = await kemKeyPair(rekey.ek_seed, parseEncapsulationKey(kemPartOf(offer)));
  tally.same(`${at}: X`, x.publicKey, offer.content.slice(10, 74));
  tally.same(`${at}: Y`, y.publicKey, answer.content.slice(10, 74));
  const theirs = parseAgreementKey(fromHex(answer.content).slice(5, KEM_AT));
  const shared = [
    await x25519(x.privateKey, theirs),
    await x25519(offerer.keys.identity.privateKey, theirs),
    await x25519(x.privateKey, answerer.entry.identity),
    await x25519(offerer.keys.identity.privateKey, answerer.entry.identity),
  ];
  shared.forEach((dh, i) => tally.same(`${at}: DH ${i}`, dh, rekey.dh[i]!));
  const ss = await mlKem768Decapsulate(kem.privateKey, kemPartOf(answer));
  tally.same(`${at}: SS`, ss, rekey.ss);
  const header = fromHex(answer.content).slice(0, ANSWER_PART_BYTES);
  const th = sha256(labelled("rekey", before.th, fromHex(offer.content), header));
  tally.same(`${at}: th`, th, rekey.th);
  const epoch = deriveEpoch(rekey.epoch, th, before, [...shared, ss]);
  checkEpochSecrets(tally, at, epoch, rekey.secrets);
  const tag = answer.content.slice(2 * ANSWER_PART_BYTES);
  tally.same(`${at}: tag`, confirmationTag(epoch, "answer-confirm"), tag);
  checkExports(tally, at, exporterOf(epoch), rekey.exports);
  return epoch;
}

/** What one side seals in one epoch. */
interface Sealing {
  readonly epoch: number;
  readonly th: string;
  readonly key: string;
  readonly messages: readonly MessageVector[];
}

async function checkChain(
  { epoch, th, key, messages }: Sealing,
  tally: Tally,
  at: string,
): Promise<void> {
  const send = new SendChain(epoch, fromHex(th), new Secret(fromHex(key)));
  const receive = new ReceiveChain(epoch, fromHex(th), new Secret(fromHex(key)));
  // Answer and confirm were the first ones of epoch 1.
  if (epoch === 1) await send.seal(new Uint8Array(0));
  for (const { n, content, box } of messages) {
    tally.same(`${at}: box ${n}`, await send.seal(fromHex(content)), box);
    tally.same(`${at}: content ${n}`, await receive.open(fromHex(box)), content);
  }
}
