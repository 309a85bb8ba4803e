/**
 * The channel between a new device and an old one of an account, over a service that is not trusted.
 *
 *     Commit = 0x40 || u8 1 || H("link-commit" || EN[32] || nonce_N[32])          new -> old
 *     Reply  = 0x41 || EO[32] || nonce_O[32]                                      old -> new
 *     Reveal = 0x42 || EN[32] || nonce_N[32] || Box(kN, 0, th, payload)           new -> old
 *     th     = H("link" || v8 origin || v8 secret || Commit || Reply || EN || nonce_N)
 *     kN || kO || sas = HKDF(X25519(EN, EO), secret, "link-keys" || th, 72)
 *     digits = u64(sas) mod 10^6
 *
 * Whoever does not know the code's secret gets no further than Reveal. For whoever does, the digits: the
 * new device is committed to its key before it sees the old one's, and reveals it only afterwards, so
 * a man in the middle has one guess at making both show the same. After Reveal both sides send boxes
 * as `ratchet.ts` makes them, each in a chain of its own.
 *
 * @module
 */

import { type Bytes, concat, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { ensure, guarded } from "./handshake_guard.ts";
import {
  type AgreementKey,
  type AgreementKeyPair,
  generateAgreementKeyPair,
  parseAgreementKey,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import {
  constantTimeEqual,
  HASH_BYTES,
  hkdfExpand,
  hkdfExtract,
  randomBytes,
  sha256,
  x25519,
} from "./primitives.ts";
import { ReceiveChain, SendChain } from "./ratchet.ts";
import { Secret } from "./secret.ts";

const COMMIT = 0x40;
const REPLY = 0x41;
const REVEAL = 0x42;
const NONCE_BYTES = 32;
const SAS_BYTES = 8;
const CHAIN_EPOCH = 0;

/** What both devices know of their meeting. */
export interface LinkPlace {
  /** The log's origin. */
  readonly origin: string;
  /** The code's secret. */
  readonly secret: Bytes;
}

/** The new device before the old one replied. */
export interface LinkStart {
  /** The first message. */
  readonly commit: Bytes;
  readonly ephemeral: AgreementKeyPair;
  readonly nonce: Bytes;
}

/** The old device before the new one revealed its key. */
export interface LinkReply {
  /** The answer to the commitment. */
  readonly reply: Bytes;
  readonly commit: Bytes;
  readonly ephemeral: AgreementKeyPair;
}

/** Either side's half of a channel. */
export interface LinkChannel {
  /** Six digits, the same on both devices unless somebody stands between them. */
  readonly digits: string;
  /** Seals to the other device. */
  readonly send: SendChain;
  /** Opens what it sealed. */
  readonly receive: ReceiveChain;
}

/** Begins on the new device. */
export async function startLink(): Promise<LinkStart> {
  const ephemeral = await generateAgreementKeyPair();
  const nonce = randomBytes(NONCE_BYTES);
  const commitment = commitmentTo(ephemeral.publicKey, nonce);
  const commit = new Writer().u8(COMMIT).u8(1).raw(commitment).bytes();
  return { commit, ephemeral, nonce };
}

/** Replies on the old device. @throws CryptoError `bad_handshake` */
export function replyToLink(commit: Bytes): Promise<LinkReply> {
  return guarded(async () => {
    readCommit(commit);
    const ephemeral = await generateAgreementKeyPair();
    const reply = new Writer().u8(REPLY).raw(ephemeral.publicKey).raw(randomBytes(NONCE_BYTES));
    return { reply: reply.bytes(), commit, ephemeral };
  });
}

/**
 * Reveals the new device's key, with a first payload sealed.
 *
 * @throws CryptoError `bad_handshake`
 */
export function revealLink(
  place: LinkPlace,
  start: LinkStart,
  reply: Bytes,
  payload: Uint8Array,
): Promise<{ readonly reveal: Bytes; readonly channel: LinkChannel }> {
  return guarded(async () => {
    const { commit, ephemeral, nonce } = start;
    const shared = await x25519(ephemeral.privateKey, readReply(reply));
    const revealed = concat(ephemeral.publicKey, nonce);
    const { digits, kN, kO, th } = derive(place, shared, [commit, reply, revealed]);
    const send = new SendChain(CHAIN_EPOCH, th, kN);
    const receive = new ReceiveChain(CHAIN_EPOCH, th, kO);
    const box = await send.seal(payload);
    return {
      reveal: concat(Uint8Array.of(REVEAL), revealed, box),
      channel: { digits, send, receive },
    };
  });
}

/**
 * Takes the new device's key: it is the one it committed to, and it knows the secret.
 *
 * @throws CryptoError `bad_handshake`
 */
export function openReveal(
  place: LinkPlace,
  { reply, commit, ephemeral }: LinkReply,
  reveal: Bytes,
): Promise<{ readonly payload: Bytes; readonly channel: LinkChannel }> {
  return guarded(async () => {
    const reader = new Reader(reveal, "a reveal");
    reader.expect(reader.u8(), REVEAL, "type");
    const key = parseAgreementKey(reader.raw(32));
    const nonce = reader.raw(NONCE_BYTES);
    const box = reader.rest();
    ensure(constantTimeEqual(readCommit(commit), commitmentTo(key, nonce)));
    const shared = await x25519(ephemeral.privateKey, key);
    const { digits, kN, kO, th } = derive(place, shared, [commit, reply, concat(key, nonce)]);
    const send = new SendChain(CHAIN_EPOCH, th, kO);
    const receive = new ReceiveChain(CHAIN_EPOCH, th, kN);
    const payload = await receive.open(box);
    return { payload, channel: { digits, send, receive } };
  });
}

function derive(
  { origin, secret }: LinkPlace,
  shared: Bytes,
  messages: readonly Bytes[],
): { readonly digits: string; readonly kN: Secret; readonly kO: Secret; readonly th: Bytes } {
  const place = new Writer().v8(utf8(origin)).v8(secret).bytes();
  const th = sha256(labelled("link", place, ...messages));
  const okm = hkdfExpand(
    hkdfExtract(secret, shared),
    labelled("link-keys", th),
    2 * HASH_BYTES + SAS_BYTES,
  );
  shared.fill(0);
  const kN = new Secret(okm.slice(0, HASH_BYTES));
  const kO = new Secret(okm.slice(HASH_BYTES, 2 * HASH_BYTES));
  const digits = digitsOf(okm.slice(2 * HASH_BYTES));
  okm.fill(0);
  return { digits, kN, kO, th };
}

/** 64 bits modulo a million: the bias is below 2^-44. */
function digitsOf(sas: Bytes): string {
  let rest = 0;
  for (const byte of sas) rest = (rest * 256 + byte) % 1_000_000;
  return String(rest).padStart(6, "0");
}

function commitmentTo(key: AgreementKey, nonce: Bytes): Bytes {
  return sha256(labelled("link-commit", key, nonce));
}

function readCommit(commit: Bytes): Bytes {
  const reader = new Reader(commit, "a commitment");
  reader.expect(reader.u8(), COMMIT, "type");
  reader.expect(reader.u8(), 1, "version");
  const commitment = reader.raw(HASH_BYTES);
  reader.end();
  return commitment;
}

function readReply(reply: Bytes): AgreementKey {
  const reader = new Reader(reply, "a reply");
  reader.expect(reader.u8(), REPLY, "type");
  const key = parseAgreementKey(reader.raw(32));
  reader.raw(NONCE_BYTES);
  reader.end();
  return key;
}
