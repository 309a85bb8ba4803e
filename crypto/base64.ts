/**
 * Base64 in its two alphabets (RFC 4648, sections 4 and 5), decoded canonically.
 *
 * Base64 is malleable: unused bits, padding and white space give one value many spellings. So a
 * decoder here answers null unless re-encoding gives the very same text.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

const NOT_BASE64URL = /[^A-Za-z0-9_-]/;

/** Padded base64 of the standard alphabet, as signed notes use it. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}

/** The bytes of padded standard base64, or null where the text is not their canonical form. */
export function fromBase64(text: string): Bytes | null {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  const out = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i);
  return toBase64(out) === text ? out : null;
}

/** Unpadded base64url, as JSON carries bytes. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Whether a text is canonical unpadded base64url: what `fromBase64Url` would decode. For whoever passes a
 * text on and needs no bytes.
 */
export function isBase64Url(text: string): boolean {
  if (NOT_BASE64URL.test(text)) return false;
  switch (text.length % 4) {
    case 0:
      return true;
    // The last character carries 4 bits or 2 beyond the last whole byte, which have to be zero.
    case 2:
      return "AQgw".includes(text.at(-1)!);
    case 3:
      return "AEIMQUYcgkosw048".includes(text.at(-1)!);
    default:
      return false;
  }
}

/** The bytes of unpadded base64url, or null where the text is not their canonical form. */
export function fromBase64Url(text: string): Bytes | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") +
    "=".repeat((4 - text.length % 4) % 4);
  return fromBase64(padded);
}
