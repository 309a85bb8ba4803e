/**
 * Base64 in its two alphabets (RFC 4648, sections 4 and 5), decoded canonically.
 *
 * Base64 is malleable: unused bits, padding and white space give one value many spellings. So a
 * decoder here answers null unless encoding again would give the very same text.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** What newer runtimes have (ECMAScript 2026), in the alphabet that is asked for. */
interface NativeCodec {
  readonly fromBase64?: (text: string, options: { readonly alphabet: string }) => Bytes;
}
interface NativeBytes {
  toBase64?(options: { readonly alphabet: string; readonly omitPadding: boolean }): string;
}

const { fromBase64: nativeDecode } = Uint8Array as NativeCodec;
const nativeEncode = (Uint8Array.prototype as NativeBytes).toBase64;
const NOT_BASE64 = /[^A-Za-z0-9+/]/;
const NOT_BASE64URL = /[^A-Za-z0-9_-]/;

/** Padded base64 of the standard alphabet, as signed notes use it. */
export function toBase64(bytes: Uint8Array): string {
  return nativeEncode?.call(bytes, { alphabet: "base64", omitPadding: false }) ?? encode(bytes);
}

/** The bytes of padded standard base64, or null where the text is not their canonical form. */
export function fromBase64(text: string): Bytes | null {
  if (text.length % 4 !== 0) return null;
  const bare = text.replace(/={1,2}$/, "");
  if (NOT_BASE64.test(bare) || !endsCanonically(bare)) return null;
  return nativeDecode?.call(Uint8Array, text, { alphabet: "base64" }) ?? decode(text);
}

/** Unpadded base64url, as JSON carries bytes. */
export function toBase64Url(bytes: Uint8Array): string {
  return nativeEncode?.call(bytes, { alphabet: "base64url", omitPadding: true }) ??
    encode(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of unpadded base64url, or null where the text is not their canonical form. */
export function fromBase64Url(text: string): Bytes | null {
  if (!isBase64Url(text)) return null;
  return nativeDecode?.call(Uint8Array, text, { alphabet: "base64url" }) ??
    decode(text.replaceAll("-", "+").replaceAll("_", "/"));
}

/**
 * Whether a text is canonical unpadded base64url: what `fromBase64Url` decodes. For whoever passes a
 * text on and needs no bytes.
 */
export function isBase64Url(text: string): boolean {
  return !NOT_BASE64URL.test(text) && endsCanonically(text);
}

/** Whether an unpadded text has a length that bytes have, and no bits beyond the last whole byte. */
function endsCanonically(text: string): boolean {
  const last = text.slice(-1);
  switch (text.length % 4) {
    case 0:
      return true;
    // The last character has 4 bits too many here, and 2 in the next case: they are zero. Both
    // alphabets have the same characters at these values.
    case 2:
      return "AQgw".includes(last);
    case 3:
      return "AEIMQUYcgkosw048".includes(last);
    default:
      return false;
  }
}

function encode(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}

/** @param text of the standard alphabet, whose padding may be missing */
function decode(text: string): Bytes {
  const binary = atob(text);
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
  return out;
}
