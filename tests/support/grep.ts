/**
 * Looks for something in what a service saw, in every spelling it could have there.
 *
 * A payload left in the clear would still travel as base64url inside JSON, so every run of base64
 * characters is decoded and searched as well, at its four alignments. A needle is long enough not to
 * be found by chance: five bytes or more.
 *
 * @module
 */

import { toBase64, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, concat, fromUtf8, toHex, utf8 } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { labelled } from "../../crypto/labels.ts";
import { hkdfExpand, hkdfExpandSha512, hkdfExtractSha512 } from "../../crypto/primitives.ts";
import { CTX, frameKid } from "../../crypto/schedule.ts";

/** The first generation of a call. */
const FIRST = { epoch: 1, step: 0 };

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

/** What every SDP has as it stands in the JSON of a payload, and nothing else of Countersign. */
export function sdpNeedles(): readonly Needle[] {
  const texts = [
    "v=0\\r\\n",
    "m=audio",
    "m=video",
    "a=ice-ufrag",
    "a=ice-pwd",
    "a=fingerprint",
    "candidate:",
    "typ host",
  ];
  return texts.map((text) => textNeedle(text, text));
}

/**
 * What one SDP holds that nobody but its receiver may see: session, ICE credentials, every candidate
 * with its address, the fingerprint. @param whose names the needles
 */
export function descriptionNeedles(whose: string, sdp: string): readonly Needle[] {
  const needle = (name: string, text: string) => textNeedle(`${whose} ${name} ${text}`, text);
  const valuesOf = (pattern: RegExp) => [...new Set([...sdp.matchAll(pattern)].map((m) => m[1]!))];
  const always = [
    valuesOf(/^o=(\S+ \S+)/gm).map((text) => needle("session", `o=${text}`)),
    // A name alone can have four characters, which chance would find.
    valuesOf(/^a=ice-ufrag:(\S+)/gm).map((text) => needle("user", `ice-ufrag:${text}`)),
    valuesOf(/^a=ice-pwd:(\S+)/gm).map((text) => needle("password", text)),
    valuesOf(/^a=(candidate:.*?)\s*$/gm).map((text) => needle("candidate", text)),
    valuesOf(/^a=candidate:(?:\S+ ){4}(\S+ \d+) /gm).map((text) => needle("place", text)),
    valuesOf(/^a=fingerprint:sha-256 (\S+)/gm).map((text) => ({
      name: `${whose} fingerprint ${text}`,
      bytes: Uint8Array.from(text.split(":"), (pair) => parseInt(pair, 16)),
    })),
  ];
  if (always.some((needles) => needles.length === 0)) throw new Error("bug: this is half an SDP");
  // The loopback address stands in the service's own URL here.
  const addresses = valuesOf(/^a=candidate:(?:\S+ ){4}(\S+) /gm)
    .filter((text) => text.length >= 7 && !text.startsWith("127."))
    .map((text) => needle("address", text));
  return [...always.flat(), ...addresses];
}

/**
 * Everything that a call's frame keys are made of, for both sides and both media: the secret of the
 * call, each sender's base key, and the key and the salt of RFC 9605.
 */
export function callKeyNeedles(epochSecret: Bytes): readonly Needle[] {
  const needles: Needle[] = [{ name: "the call's secret", bytes: epochSecret }];
  for (const [index, sender] of ["caller", "callee"].entries()) {
    for (const ctx of [CTX.mic, CTX.camera]) {
      const info = labelled("sender", new Writer().u16(index).u8(ctx).bytes());
      const base = hkdfExpand(epochSecret, info, 64);
      const context = new Writer().u64(frameKid(FIRST, index, ctx)).u16(5).bytes();
      const secret = hkdfExtractSha512(new Uint8Array(0), base);
      const expand = (label: string, length: number) =>
        hkdfExpandSha512(secret, concat(utf8(`SFrame 1.0 Secret ${label} `), context), length);
      needles.push(
        { name: `the ${sender}'s base key of medium ${ctx}`, bytes: base },
        { name: `the ${sender}'s frame key of medium ${ctx}`, bytes: expand("key", 32) },
        { name: `the ${sender}'s salt of medium ${ctx}`, bytes: expand("salt", 12) },
      );
    }
  }
  return needles;
}

/** The names of the needles that are somewhere in the haystacks. */
export function grep(
  haystacks: readonly (string | Uint8Array)[],
  needles: readonly Needle[],
): string[] {
  // One text, since its parts are many and small; the separator is no character of any needle.
  const text = haystacks
    .flatMap((hay) => views(typeof hay === "string" ? hay : latin1(hay)))
    .join("\u{2029}");
  const found = needles.filter(({ name, bytes }) => {
    if (bytes.length < 5) throw new Error(`bug: chance would find the needle '${name}'`);
    return spellingsOf(bytes).some((spelling) => text.includes(spelling));
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
      // What has no padding ends in two or three characters.
      decoded.push(atob(aligned.length % 4 === 1 ? aligned.slice(0, -1) : aligned));
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
  const colons = hex.match(/../g)!.join(":");
  const unpadded = toBase64(bytes).replace(/=+$/, "").slice(0, -1);
  return [
    raw,
    hex,
    hex.toUpperCase(),
    colons,
    colons.toUpperCase(),
    unpadded,
    toBase64Url(bytes).slice(0, -1),
    [...bytes].join(","),
  ];
}

function latin1(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; at += 8_192) {
    out += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return out;
}
