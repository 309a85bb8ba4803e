/**
 * A store's file under a key of the application: one box around all of it, so that without the key it
 * says nothing but its length, and no value can be changed, taken from another place, or left out.
 *
 *     check = nonce[12] || AES-256-GCM(key, nonce, ad = "store-key", "")
 *     box   = nonce[12] || AES-256-GCM(key, nonce, ad = "store-file" || check, text)
 *     file  = "countersign.store/1 " || base64(check) || " " || base64(box)
 *
 * It is no JSON, as a file that is not sealed is: no edit makes the one of the other.
 *
 * Nonces are random, which is good for 2^32 writes under one key. A whole older file, or none, is not told
 * from the newest one: nothing outside the file remembers which that was.
 *
 * @module
 */

import { fromBase64, toBase64 } from "../crypto/base64.ts";
import { type Bytes, concat, fromUtf8, utf8 } from "../crypto/bytes.ts";
import { labelled } from "../crypto/labels.ts";
import { aesOpen, aesSeal, importAesKey, NONCE_BYTES, randomBytes } from "../crypto/primitives.ts";
import { ClientError } from "./error.ts";

/** 32 bytes, or WebCrypto's handle for AES-GCM with 256 bits that may encrypt and decrypt. */
export type FileKey = CryptoKey | Uint8Array<ArrayBuffer>;

const VERSION = "countersign.store/1";
const KEY_BYTES = 32;
const NOTHING: Bytes = new Uint8Array(0);

/** The handle of a key. @throws ClientError `bad_option` where it is none that seals files */
export async function fileKeyOf(key: FileKey): Promise<CryptoKey> {
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return await importAesKey(key);
  if (key instanceof CryptoKey && isFileKey(key)) return key;
  throw new ClientError("bad_option", "A store's key is 32 bytes, or an AES-GCM key of 256 bits");
}

function isFileKey({ algorithm, usages }: CryptoKey): boolean {
  return algorithm.name === "AES-GCM" && "length" in algorithm && algorithm.length === 256 &&
    usages.includes("encrypt") && usages.includes("decrypt");
}

/** Whether a file is sealed, in this version or another. */
export function isSealed(file: string): boolean {
  return file.startsWith("countersign.store/");
}

/** A file with this text inside. */
export async function sealFile(key: CryptoKey, text: string): Promise<string> {
  const check = await seal(key, labelled("store-key"), NOTHING);
  const box = await seal(key, labelled("store-file", check), utf8(text));
  return `${VERSION} ${toBase64(check)} ${toBase64(box)}`;
}

/**
 * The text inside a file.
 *
 * @throws ClientError `store_locked` where it was sealed under another key, `store_failed` where it was
 * changed, or is of a later version
 */
export async function openFile(key: CryptoKey, file: string): Promise<string> {
  const [version, ...parts] = file.split(" ");
  const [check, box, more] = parts.map(fromBase64);
  if (version !== VERSION || !check || !box || more !== undefined) throw damaged();
  if (await open(key, labelled("store-key"), check) === null) throw locked();
  const bytes = await open(key, labelled("store-file", check), box);
  const text = bytes === null ? null : fromUtf8(bytes);
  if (text === null) throw damaged();
  return text;
}

/** A file that is sealed, where there is no key or another one. */
export function locked(): ClientError {
  return new ClientError("store_locked", "The store's file is sealed, and this is not its key");
}

/** A file that is not what a store wrote. */
export function damaged(cause?: unknown): ClientError {
  return new ClientError("store_failed", "The store's file is damaged", { cause });
}

async function seal(key: CryptoKey, ad: Bytes, plaintext: Bytes): Promise<Bytes> {
  const nonce = randomBytes(NONCE_BYTES);
  return concat(nonce, await aesSeal(key, nonce, ad, plaintext));
}

function open(key: CryptoKey, ad: Bytes, sealed: Bytes): Promise<Bytes | null> {
  return aesOpen(key, sealed.slice(0, NONCE_BYTES), ad, sealed.slice(NONCE_BYTES));
}
