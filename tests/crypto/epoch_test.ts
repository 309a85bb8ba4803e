import assert from "node:assert/strict";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import {
  confirmationTag,
  deriveEpoch,
  deriveOfferEpoch,
  exporterOf,
  type OfferEpoch,
  wipeEpoch,
} from "../../crypto/epoch.ts";
import { hkdfExpand, hkdfExtract, hmacSha256 } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";

const TH: Bytes = new Uint8Array(32).fill(1);
const TH1: Bytes = new Uint8Array(32).fill(9);

function shared(...fill: number[]): Bytes[] {
  return fill.map((byte) => new Uint8Array(32).fill(byte));
}

function hexOf({ root, ckA, ckB, kc }: OfferEpoch): string[] {
  return [root, ckA, ckB, kc].map((secret) => toHex(secret.expose()));
}

Deno.test("an offer's epoch is HKDF over its shared secrets, under a salt of zeros", () => {
  const prk = hkdfExtract(new Uint8Array(32), concat(...shared(2, 3, 4, 5)));
  const okm = hkdfExpand(prk, concat(utf8("countersign/1 epoch0\0"), TH), 128);
  assert.deepEqual(hexOf(deriveOfferEpoch(TH, shared(2, 3, 4, 5))).join(""), toHex(okm));
});

Deno.test("the next epoch is HKDF under the root before it, with an exporter", () => {
  const before = deriveOfferEpoch(TH, shared(2, 3));
  const prk = hkdfExtract(before.root.expose(), concat(...shared(6, 7, 8)));
  const info = concat(utf8("countersign/1 epoch\0"), Uint8Array.of(0, 0, 0, 1), TH1);
  const okm = toHex(hkdfExpand(prk, info, 160));
  const epoch = deriveEpoch(1, TH1, before, shared(6, 7, 8));
  assert.equal(hexOf(epoch).join("") + toHex(epoch.exp.expose()), okm);
  const body = concat(fromHex("0004"), utf8("srtp"), fromHex("0002aabb"));
  const exported = hkdfExpand(epoch.exp.expose(), concat(utf8("countersign/1 exp\0"), body), 48);
  assert.deepEqual(exporterOf(epoch)("srtp", fromHex("aabb"), 48), exported);
  const tag = hmacSha256(epoch.kc.expose(), concat(utf8("countersign/1 confirm\0"), TH1));
  assert.deepEqual(confirmationTag(epoch, "confirm"), tag);
});

Deno.test("every input changes every secret", () => {
  const genuine = hexOf(deriveOfferEpoch(TH, shared(2, 3)));
  const others = [
    hexOf(deriveOfferEpoch(TH1, shared(2, 3))),
    hexOf(deriveOfferEpoch(TH, shared(3, 2))),
    hexOf(deriveOfferEpoch(TH, shared(2, 3, 0))),
  ];
  const all = [genuine, ...others].flat();
  assert.equal(new Set(all).size, 16);
  const before = deriveOfferEpoch(TH, shared(2, 3));
  const other = deriveOfferEpoch(TH1, shared(2, 3));
  const next = [
    hexOf(deriveEpoch(1, TH, before, shared(4))),
    hexOf(deriveEpoch(2, TH, before, shared(4))),
    hexOf(deriveEpoch(1, TH1, before, shared(4))),
    hexOf(deriveEpoch(1, TH, other, shared(4))),
    hexOf(deriveEpoch(1, TH, before, shared(5))),
  ];
  assert.equal(new Set(next.flat()).size, 20);
});

Deno.test("exports and tags differ by label and context, which cannot borrow bytes", () => {
  const epoch = deriveEpoch(1, TH, deriveOfferEpoch(TH, shared(2)), shared(3));
  const exporter = exporterOf(epoch);
  const context = (text: string) => utf8(text);
  const exports = [
    exporter("ab", context("c"), 32),
    exporter("a", context("bc"), 32),
    exporter("abc", context(""), 32),
    exporter("", context("abc"), 32),
  ].map(toHex);
  assert.equal(new Set(exports).size, 4);
  const tags = (["offer-confirm", "answer-confirm", "confirm"] as const)
    .map((label) => toHex(confirmationTag(epoch, label)));
  assert.equal(new Set(tags).size, 3);
});

Deno.test("deriving wipes the shared secrets, and wiping an epoch ends all of it", () => {
  const inputs = shared(2, 3);
  const before = deriveOfferEpoch(TH, inputs);
  for (const input of inputs) assert.deepEqual(input, new Uint8Array(32));
  const epoch = deriveEpoch(1, TH, before, shared(4));
  const exporter = exporterOf(epoch);
  const secrets = [epoch.root, epoch.ckA, epoch.ckB, epoch.kc, epoch.exp];
  const buffers = secrets.map((secret) => secret.expose());
  wipeEpoch(epoch);
  for (const secret of secrets) assert.throws(() => secret.expose(), { code: "spent" });
  for (const buffer of buffers) assert.deepEqual(buffer, new Uint8Array(32));
  assert.throws(() => exporter("call", new Uint8Array(0), 32), { code: "spent" });
  assert.throws(() => confirmationTag(epoch, "confirm"), { code: "spent" });
  wipeEpoch(before);
  assert.throws(() => deriveEpoch(1, TH, before, shared(4)), { code: "spent" });
});
