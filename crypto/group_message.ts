/**
 * What members of a group call say to each other besides commits.
 *
 *     EpochSecret = 0x51 || commit_hash[32] || R[32]                     sealed, signer to each member
 *     Welcome     = 0x52 || u32 order || commit_hash[32] || ES[32]       sealed, to who has it not
 *     Ack         = 0x53 || u16 index || HMAC(auth, "ack" || u16 index || commit_hash)     to the signer
 *     Switch      = 0x54 || HMAC(auth, "switch" || commit_hash)          signer to everybody
 *     Heartbeat   = 0x55 || call_id[16] || u32 order || commit_hash[32] || u64 time_ms || signer[32]
 *     wire        = Heartbeat || Ed25519(device of the signer, "heartbeat" || Heartbeat)
 *
 * `sealed` is a Box of the session of the two devices. `auth` says that whoever made it holds the new
 * keys; members can make each other's.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type SigningKeyPair, type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import {
  ed25519Sign,
  ed25519Verify,
  HASH_BYTES,
  hmacSha256,
  SIGNATURE_BYTES,
} from "./primitives.ts";
import { Secret } from "./secret.ts";
import { type verified } from "./verified.ts";

const SECRET = 0x51;
const WELCOME = 0x52;
const ACK = 0x53;
const SWITCH = 0x54;
const HEARTBEAT = 0x55;
const SECRET_BYTES = 32;
const CALL_ID_BYTES = 16;

/** The random half of a new epoch. */
export interface EpochSecret {
  readonly t: "secret";
  readonly hash: Bytes;
  readonly random: Secret;
}

/** The secret of the present step. */
export interface Welcome {
  readonly t: "welcome";
  /** How many commits the room had passed on by then, refused ones too. */
  readonly order: number;
  readonly hash: Bytes;
  readonly es: Secret;
}

/** The bytes of either, to be sealed. */
export function encodeSecret(message: EpochSecret | Welcome): Bytes {
  if (message.t === "secret") {
    return new Writer().u8(SECRET).raw(message.hash).raw(message.random.expose()).bytes();
  }
  const { order, hash, es } = message;
  return new Writer().u8(WELCOME).u32(order).raw(hash).raw(es.expose()).bytes();
}

/** Reads what a session opened. @throws CryptoError `malformed` */
export function decodeSecret(bytes: Bytes): EpochSecret | Welcome {
  const reader = new Reader(bytes, "a call secret");
  const type = reader.u8();
  if (type !== SECRET) reader.expect(type, WELCOME, "type");
  const order = type === WELCOME ? reader.u32() : 0;
  const hash = reader.raw(HASH_BYTES);
  const secret = new Secret(reader.raw(SECRET_BYTES));
  reader.end();
  return type === WELCOME
    ? { t: "welcome", order, hash, es: secret }
    : { t: "secret", hash, random: secret };
}

/** Says that a member holds an epoch's keys. */
export function encodeAck(auth: Secret, index: number, hash: Bytes): Bytes {
  const name = new Writer().u16(index).bytes();
  const tag = hmacSha256(auth.expose(), labelled("ack", name, hash));
  return new Writer().u8(ACK).raw(name).raw(tag).bytes();
}

/** Says that everybody may send in an epoch. */
export function encodeSwitch(auth: Secret, hash: Bytes): Bytes {
  const tag = hmacSha256(auth.expose(), labelled("switch", hash));
  return new Writer().u8(SWITCH).raw(tag).bytes();
}

/** Whose acknowledgement it claims to be. @throws CryptoError `malformed` */
export function ackIndex(ack: Bytes): number {
  const reader = new Reader(ack, "an acknowledgement");
  reader.expect(reader.u8(), ACK, "type");
  return reader.u16();
}

/** The sign of life of a committer: the head of its chain. */
export interface Heartbeat {
  /** The call, 16 bytes. */
  readonly callId: Bytes;
  /** How many commits the room had passed on, refused ones too. */
  readonly order: number;
  /** The last commit that was taken. */
  readonly hash: Bytes;
  /** By the signer's clock, Unix milliseconds. */
  readonly timeMs: number;
  /** The entry's hash of the device that signs. */
  readonly signer: Bytes;
}

/** A heartbeat whose signature was verified; made by `openHeartbeat` alone. */
export interface SignedHeartbeat extends Heartbeat {
  /** No value: what the type says. */
  readonly [verified]: true;
}

/** Signs a heartbeat for the room. */
export async function signHeartbeat(beat: Heartbeat, signing: SigningKeyPair): Promise<Bytes> {
  const body = new Writer().u8(HEARTBEAT).raw(beat.callId).u32(beat.order).raw(beat.hash)
    .u64(beat.timeMs).raw(beat.signer).bytes();
  const signature = await ed25519Sign(signing.privateKey, labelled("heartbeat", body));
  return new Writer().raw(body).raw(signature).bytes();
}

/** Opens what came from the room. @throws CryptoError `malformed`, `bad_signature` */
export async function openHeartbeat(
  bytes: Bytes,
  keyOf: (entry: Bytes) => VerifyingKey | null,
): Promise<SignedHeartbeat> {
  const reader = new Reader(bytes, "a heartbeat");
  reader.expect(reader.u8(), HEARTBEAT, "type");
  const callId = reader.raw(CALL_ID_BYTES);
  const [order, hash, timeMs] = [reader.u32(), reader.raw(HASH_BYTES), reader.u64()];
  const signer = reader.raw(HASH_BYTES);
  const body = bytes.slice(0, reader.position());
  const signature = reader.raw(SIGNATURE_BYTES);
  reader.end();
  const key = keyOf(signer);
  if (key === null || !await ed25519Verify(key, labelled("heartbeat", body), signature)) {
    throw new CryptoError("bad_signature", "A heartbeat is not signed by a known device");
  }
  return { callId, order, hash, timeMs, signer } as SignedHeartbeat;
}
