/**
 * A message in a managed room: sealed for the room, signed by its sender, counted for whom it is for.
 *
 *     key      = HKDF-Expand(HKDF-Extract(room, secret), "room-message" || stream[16], 32)
 *     clear    = u8 0x40 || stream[16] || u32 n
 *     envelope = clear || AES-256-GCM(key, nonce = u96 n, room[16] || clear, padded(content))
 *     content  = sender[32] || signature[64] || body
 *     body     = u64 sent_ms || prev[32] || u8 kind || v8 to || payload
 *     signed   = "room-envelope" || room[16] || clear || body
 *
 * A stream is what one sender says to one addressee while it is in the room: 16 random bytes of its own,
 * envelopes counted from 0, `prev` the hash of the one before (zeros in the first). So the receiver sees
 * what was dropped, put in another order or said again, and a key never has a nonce twice. Whoever has
 * the room's secret can read; only the sender's key can say.
 *
 * @module
 */

import { type Bytes, equal, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type SigningKeyPair, type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import { pad, PADDED_BYTES, unpad } from "./padding.ts";
import {
  aesOpen,
  aesSeal,
  ed25519Sign,
  ed25519Verify,
  HASH_BYTES,
  hkdfExpand,
  hkdfExtract,
  NONCE_BYTES,
  randomBytes,
  sha256,
  SIGNATURE_BYTES,
} from "./primitives.ts";
import { Secret } from "./secret.ts";

/** Longest payload of an envelope in bytes. */
export const MAX_ENVELOPE_PAYLOAD_BYTES = 15_900;

const TYPE = 0x40;
const STREAM_BYTES = 16;
const CLEAR_BYTES = 1 + STREAM_BYTES + 4;
const KEY_BYTES = 32;
const MAX_COUNT = 2 ** 32;

/** What an envelope is; others than these are left to later versions. */
export type EnvelopeKind = "message" | "knock";
const KINDS: readonly EnvelopeKind[] = ["message", "knock"];

/** What members of a room share for their messages. */
export interface RoomMessageKeys {
  /** The room's id, 16 bytes. */
  readonly room: Bytes;
  /** HKDF-Extract of the room's secret. */
  readonly prk: Secret;
}

/** An envelope that opened, and whose signature verified under the key that it names. */
export interface OpenEnvelope {
  /** The sender's key: whose it is, the receiver has to know. */
  readonly sender: VerifyingKey;
  /** The stream, 16 bytes. */
  readonly stream: Bytes;
  /** Which of the stream, from 0. */
  readonly n: number;
  /** The hash of the one before. */
  readonly prev: Bytes;
  /** The hash of this one. */
  readonly hash: Bytes;
  /** When it was sealed by the sender's clock, Unix milliseconds. */
  readonly sentMs: number;
  readonly kind: EnvelopeKind;
  /** Whom it is for; empty for everybody. */
  readonly to: string;
  readonly payload: Bytes;
}

/** The keys for messages of a room. @param secret the room's, 32 bytes */
export function roomMessageKeys(room: Bytes, secret: Secret): RoomMessageKeys {
  return { room, prk: new Secret(hkdfExtract(room, secret.expose())) };
}

/** What one sender says to one addressee. */
export class EnvelopeStream {
  readonly #keys: RoomMessageKeys;
  readonly #sender: SigningKeyPair;
  readonly #to: string;
  readonly #stream = randomBytes(STREAM_BYTES);
  #n = 0;
  #prev: Bytes = new Uint8Array(HASH_BYTES);
  #tail: Promise<unknown> = Promise.resolve();

  /** @param to whom it is for; empty for everybody */
  constructor(keys: RoomMessageKeys, sender: SigningKeyPair, to: string) {
    this.#keys = keys;
    this.#sender = sender;
    this.#to = to;
  }

  /** Seals the next one: in the order in which it was asked. @throws CryptoError `malformed`, `spent` */
  seal(kind: EnvelopeKind, payload: Bytes, nowMs: number): Promise<Bytes> {
    const sealed = this.#tail.then(() => this.#next(kind, payload, nowMs));
    this.#tail = sealed.catch(() => {});
    return sealed;
  }

  async #next(kind: EnvelopeKind, payload: Bytes, nowMs: number): Promise<Bytes> {
    if (payload.length > MAX_ENVELOPE_PAYLOAD_BYTES) {
      throw new CryptoError(
        "malformed",
        `A message has at most ${MAX_ENVELOPE_PAYLOAD_BYTES} bytes`,
      );
    }
    if (this.#n >= MAX_COUNT) throw new CryptoError("spent", "A stream has no numbers left");
    const { room, prk } = this.#keys;
    const n = this.#n;
    const clear = new Writer().u8(TYPE).raw(this.#stream).u32(n).bytes();
    const body = new Writer().u64(nowMs).raw(this.#prev).u8(KINDS.indexOf(kind))
      .v8(utf8(this.#to)).raw(payload).bytes();
    const signature = await ed25519Sign(this.#sender.privateKey, signed(room, clear, body));
    const content = new Writer().raw(this.#sender.publicKey).raw(signature).raw(body).bytes();
    const key = streamKey(prk, this.#stream);
    const box = await aesSeal(key, nonceOf(n), concatClear(room, clear), pad(content));
    const envelope = new Writer().raw(clear).raw(box).bytes();
    this.#n = n + 1;
    this.#prev = sha256(envelope);
    return envelope;
  }
}

/** Opens an envelope. @throws CryptoError `bad_message` */
export async function openEnvelope(keys: RoomMessageKeys, envelope: Bytes): Promise<OpenEnvelope> {
  try {
    return await opened(keys, envelope);
  } catch (error) {
    if (error instanceof CryptoError && error.code !== "spent") throw notForRoom();
    throw error;
  }
}

async function opened({ room, prk }: RoomMessageKeys, envelope: Bytes): Promise<OpenEnvelope> {
  const outer = new Reader(envelope, "an envelope");
  outer.expect(outer.u8(), TYPE, "type");
  const stream = outer.raw(STREAM_BYTES);
  const n = outer.u32();
  const clear = envelope.slice(0, CLEAR_BYTES);
  const key = streamKey(prk, stream);
  const padded = await aesOpen(key, nonceOf(n), concatClear(room, clear), outer.rest());
  if (padded === null || !PADDED_BYTES.includes(padded.length)) throw notForRoom();
  const content = new Reader(unpad(padded), "an envelope's content");
  const sender = parseVerifyingKey(content.raw(KEY_BYTES));
  const signature = content.raw(SIGNATURE_BYTES);
  const body = content.rest();
  if (!await ed25519Verify(sender, signed(room, clear, body), signature)) throw notForRoom();
  const reader = new Reader(body, "an envelope's body");
  const sentMs = reader.u64();
  const prev = reader.raw(HASH_BYTES);
  const kind = KINDS[reader.u8()];
  const to = fromUtf8(reader.v8());
  const payload = reader.rest();
  if (kind === undefined || to === null) throw notForRoom();
  return { sender, stream, n, prev, hash: sha256(envelope), sentMs, kind, to, payload };
}

/** What a receiver notes of a stream. */
export interface StreamSight {
  /** The next number. */
  readonly next: number;
  /** The hash of the last one, or null where it is not known. */
  readonly prev: Bytes | null;
}

/** What an envelope says about those before it. */
export type StreamVerdict =
  /** It is the next, or one further on: so many are missing before it. */
  | { readonly kind: "fresh"; readonly missing: number; readonly sight: StreamSight }
  /** It came before, or contradicts the one before. */
  | { readonly kind: "refused" };

/** Judges an envelope of a stream. @param sight what was noted, or null where it may begin anywhere */
export function judge(sight: StreamSight | null, { n, prev, hash }: OpenEnvelope): StreamVerdict {
  const next = { next: n + 1, prev: hash };
  if (sight === null) return { kind: "fresh", missing: 0, sight: next };
  if (n < sight.next) return { kind: "refused" };
  const missing = n - sight.next;
  const contradicts = missing === 0 && sight.prev !== null && !equal(sight.prev, prev);
  return contradicts ? { kind: "refused" } : { kind: "fresh", missing, sight: next };
}

/** What is noted of a stream that begins before one's eyes. */
export const NEW_STREAM: StreamSight = { next: 0, prev: new Uint8Array(HASH_BYTES) };

function streamKey(prk: Secret, stream: Bytes): Bytes {
  return hkdfExpand(prk.expose(), labelled("room-message", stream), KEY_BYTES);
}

function signed(room: Bytes, clear: Bytes, body: Bytes): Bytes {
  return labelled("room-envelope", room, clear, body);
}

function concatClear(room: Bytes, clear: Bytes): Bytes {
  return new Writer().raw(room).raw(clear).bytes();
}

function nonceOf(n: number): Bytes {
  return new Writer().raw(new Uint8Array(NONCE_BYTES - 4)).u32(n).bytes();
}

function notForRoom(): CryptoError {
  return new CryptoError("bad_message", "This is no message of a member of this room");
}
