/**
 * Invites into a managed room: the link, what follows from its secrets, and the word of its key.
 *
 *     link   = <page> "#" base64url(u8 1 || room[16] || secret[32] || seed[16] || v8 service)
 *     prk    = HKDF-Extract(room, secret)
 *     meta   = HKDF-Expand(prk, "room-meta", 32)              AES-256-GCM, for what members show each other
 *     psk    = HKDF-Expand(prk, "room-psk", 32)               goes into every handshake of the room
 *     key    = Ed25519 of HKDF-Expand(prk, "invite-key" || seed, 32)
 *     word   = Ed25519(key, "invite" || v8 origin || room[16] || jkt[32] || u64 ts_ms)
 *     sealed = nonce[12] || AES-256-GCM(meta, nonce, "room-meta" || room[16] || v8 about, padded)
 *
 * The secret is the room's, so that all of its members have one psk, whichever invite they came by. The
 * seed is the invite's: withdrawing one withdraws no other, and who knows one link makes no second. A
 * service is told the public half of the key, and nothing else of a link: what stands behind `#` leaves
 * no browser.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "./base64.ts";
import { type Bytes, concat, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type SigningKeyPair, type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import { pad, unpad } from "./padding.ts";
import {
  aesOpen,
  aesSeal,
  ed25519FromSeed,
  ed25519Sign,
  ed25519Verify,
  hkdfExpand,
  hkdfExtract,
  NONCE_BYTES,
  randomBytes,
} from "./primitives.ts";
import { Secret } from "./secret.ts";

const VERSION = 1;
const ROOM_BYTES = 16;
const SECRET_BYTES = 32;
const SEED_BYTES = 16;
const KEY_BYTES = 32;
/** So that a room's or a member's metadata has one length, whatever it says. */
const MAX_META_PAYLOAD_BYTES = 511;

/** What a link holds. */
export interface Invite {
  /** The room's id. */
  readonly room: Bytes;
  /** The room's secret, 32 bytes: the same in all of its links. */
  readonly secret: Secret;
  /** What is this invite's own, 16 bytes. */
  readonly seed: Secret;
  /** The service's origin, scheme and host, or null where the page knows it. */
  readonly service: string | null;
}

/** What a sealed payload is: none passes for another. */
export type MetaKind = "room" | "member" | "knock";

/** What the members of a room share, and a service does not know. */
export interface RoomKeys {
  /** The room's id. */
  readonly room: Bytes;
  /** Seals what they show each other, 32 bytes. */
  readonly meta: Secret;
  /** For `OfferInput.psk` and its counterpart, 32 bytes. */
  readonly psk: Secret;
}

/** What an invite's key says: whose key it lets in, where, and when. */
export interface InviteWord {
  /** The log's origin. */
  readonly origin: string;
  /** The room's id, 16 bytes. */
  readonly room: Bytes;
  /** The JWK thumbprint of the key that asks (RFC 7638), 32 bytes. */
  readonly thumbprint: Bytes;
  /** When, Unix milliseconds. */
  readonly tsMs: number;
}

/** The first invite of a new room. @param room its id, 16 bytes */
export function newInvite(room: Bytes, service: string | null = null): Invite {
  const secret = new Secret(randomBytes(SECRET_BYTES));
  return { room, secret, seed: new Secret(randomBytes(SEED_BYTES)), service };
}

/** Another invite of a room, with a seed of its own. */
export function anotherInvite({ room, secret, service }: Omit<Invite, "seed">): Invite {
  const copy = new Secret(secret.expose().slice());
  return { room, secret: copy, seed: new Secret(randomBytes(SEED_BYTES)), service };
}

/** An invite as a link. @param page where the application is; what it has behind `#` is replaced */
export function inviteLink(page: string, { room, secret, seed, service }: Invite): string {
  const body = new Writer().u8(VERSION).raw(room).raw(secret.expose()).raw(seed.expose())
    .v8(utf8(service ?? "")).bytes();
  const text = toBase64Url(body);
  body.fill(0);
  return `${page.split("#")[0]}#${text}`;
}

/** Reads a link, or what stands behind its `#`. @throws CryptoError `malformed` */
export function parseInvite(link: string): Invite {
  const bytes = fromBase64Url(link.trim().split("#").at(-1)!);
  if (bytes === null) throw notAnInvite();
  const reader = new Reader(bytes, "an invite");
  reader.expect(reader.u8(), VERSION, "version");
  const room = reader.raw(ROOM_BYTES);
  const secret = reader.raw(SECRET_BYTES);
  const seed = reader.raw(SEED_BYTES);
  const service = serviceOf(reader.v8());
  reader.end();
  bytes.fill(0);
  return { room, secret: new Secret(secret), seed: new Secret(seed), service };
}

/** What the members of an invite's room share. */
export function roomKeys({ room, secret }: Pick<Invite, "room" | "secret">): RoomKeys {
  const prk = hkdfExtract(room, secret.expose());
  const meta = new Secret(hkdfExpand(prk, labelled("room-meta"), KEY_BYTES));
  const psk = new Secret(hkdfExpand(prk, labelled("room-psk"), KEY_BYTES));
  prk.fill(0);
  return { room, meta, psk };
}

/** The invite's key pair, whose public half the service is told. */
export async function inviteKey(
  { room, secret, seed }: Pick<Invite, "room" | "secret" | "seed">,
): Promise<SigningKeyPair> {
  const prk = hkdfExtract(room, secret.expose());
  const bytes = hkdfExpand(prk, labelled("invite-key", seed.expose()), KEY_BYTES);
  prk.fill(0);
  const { publicKey, privateKey } = await ed25519FromSeed(bytes);
  bytes.fill(0);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}

/** The invite's word for whoever has a key. */
export async function signInvite(key: SigningKeyPair, word: InviteWord): Promise<Bytes> {
  return await ed25519Sign(key.privateKey, messageOf(word));
}

/** Whether an invite gave its word. */
export async function isInvited(
  key: VerifyingKey,
  word: InviteWord,
  signature: Bytes,
): Promise<boolean> {
  return await ed25519Verify(key, messageOf(word), signature);
}

/** Seals what members show each other. @param payload at most 511 bytes @throws CryptoError `malformed` */
export async function sealMeta(
  { room, meta }: Pick<RoomKeys, "room" | "meta">,
  about: MetaKind,
  payload: Uint8Array,
): Promise<Bytes> {
  if (payload.length > MAX_META_PAYLOAD_BYTES) {
    throw new CryptoError("malformed", `Metadata has at most ${MAX_META_PAYLOAD_BYTES} bytes`);
  }
  // 96 random bits serve 2^32 messages of one key (NIST SP 800-38D, 8.3): a room says fewer.
  const nonce = randomBytes(NONCE_BYTES);
  return concat(nonce, await aesSeal(meta.expose(), nonce, contextOf(room, about), pad(payload)));
}

/** Opens it. @throws CryptoError `bad_message` */
export async function openMeta(
  { room, meta }: Pick<RoomKeys, "room" | "meta">,
  about: MetaKind,
  sealed: Bytes,
): Promise<Bytes> {
  const nonce = sealed.slice(0, NONCE_BYTES);
  const opened = nonce.length < NONCE_BYTES
    ? null
    : await aesOpen(meta.expose(), nonce, contextOf(room, about), sealed.slice(NONCE_BYTES));
  if (opened === null) throw new CryptoError("bad_message", "This is not sealed for this room");
  return unpad(opened);
}

function messageOf({ origin, room, thumbprint, tsMs }: InviteWord): Bytes {
  if (room.length !== ROOM_BYTES || thumbprint.length !== KEY_BYTES) {
    throw new Error("bug: a room's id has 16 bytes, and a thumbprint 32");
  }
  const body = new Writer().v8(utf8(origin)).raw(room).raw(thumbprint).u64(tsMs).bytes();
  return labelled("invite", body);
}

function contextOf(room: Bytes, about: MetaKind): Bytes {
  return labelled("room-meta", room, new Writer().v8(utf8(about)).bytes());
}

/** Nothing but an origin: a path or a password in it would be somebody's trick. */
function serviceOf(bytes: Bytes): string | null {
  if (bytes.length === 0) return null;
  const text = fromUtf8(bytes) ?? "";
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text) throw notAnInvite();
  return text;
}

function notAnInvite(): CryptoError {
  return new CryptoError("malformed", "This is not an invite into a room");
}
