/**
 * Looks for something in what a service saw, in every spelling it could have there.
 *
 * A payload left in the clear would still travel as base64url inside JSON, so every run of base64
 * characters is decoded and searched as well, at its four alignments.
 *
 * @module
 */

import { toBase64, toBase64Url } from "../../crypto/base64.ts";
import { fromUtf8, toHex, utf8 } from "../../crypto/bytes.ts";

/** One thing to look for. */
export interface Needle {
  /** What it is, for the report. */
  readonly name: string;
  /** Its bytes; texts are given as UTF-8. */
  readonly bytes: Uint8Array;
}

/** A text to look for. */
export function textNeedle(name: string, text: string): Needle {
  return { name, bytes: utf8(text) };
}

/** The names of the needles that are somewhere in the haystacks. */
export function grep(
  haystacks: readonly (string | Uint8Array)[],
  needles: readonly Needle[],
): string[] {
  const texts = haystacks.flatMap((hay) => views(typeof hay === "string" ? hay : latin1(hay)));
  const found = needles.filter(({ bytes }) => {
    const spellings = spellingsOf(bytes);
    return texts.some((text) => spellings.some((spelling) => text.includes(spelling)));
  });
  return found.map(({ name }) => name);
}

/** The haystack itself, and what its base64 runs decode to. */
function views(text: string): string[] {
  const decoded: string[] = [];
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{16,}/g)) {
    const standard = run.replaceAll("-", "+").replaceAll("_", "/");
    for (let skip = 0; skip < 4; skip++) {
      const aligned = standard.slice(skip);
      decoded.push(atob(aligned.slice(0, aligned.length - aligned.length % 4)));
    }
  }
  return [text, ...decoded];
}

function spellingsOf(bytes: Uint8Array): string[] {
  const raw = latin1(bytes);
  // Texts are looked for as they are; keys also in hexadecimal and base64.
  const isText = fromUtf8(bytes) !== null && /^[\x20-\x7e]+$/.test(raw);
  if (isText) return [raw];
  const hex = toHex(bytes);
  const unpadded = toBase64(bytes).replace(/=+$/, "").slice(0, -1);
  return [
    raw,
    hex,
    hex.toUpperCase(),
    hex.toUpperCase().match(/../g)!.join(":"),
    unpadded,
    toBase64Url(bytes).slice(0, -1),
    [...bytes].join(","),
  ];
}

function latin1(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}
