import assert from "node:assert/strict";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import {
  type CallCommon,
  commonHash,
  decodeAnswer,
  decodeCallCommon,
  decodeConfirm,
  decodeOffer,
  encodeAnswerHeader,
  encodeCallCommon,
  encodeConfirm,
  encodeOfferHeader,
  MAX_TTL_S,
} from "../../crypto/handshake_message.ts";
import { generateAgreementKeyPair, generateKemKeyPair } from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { flipped, NOW_MS } from "../support/people.ts";

const MALFORMED = { code: "malformed" };
const BAD_KEY = { code: "bad_key" };
const [kem, ephemeral] = [await generateKemKeyPair(), await generateAgreementKeyPair()];

const common: CallCommon = {
  callId: randomBytes(16),
  sentMs: NOW_MS,
  ttlS: 60,
  room: randomBytes(32),
  deviceEntryA: randomBytes(32),
  recordA: randomBytes(32),
  recordB: randomBytes(32),
  kemA: kem.publicKey,
};
const offer = {
  common: randomBytes(32),
  deviceB: 2 ** 32 - 1,
  deviceEntryB: randomBytes(32),
  prekeySetB: randomBytes(32),
  opkIndex: 31 as number | null,
  ephemeralA: ephemeral.publicKey,
  ct1: randomBytes(1088),
};
const answer = {
  common: randomBytes(32),
  deviceB: 7,
  ephemeralB: ephemeral.publicKey,
  ct2: randomBytes(1088),
};
const TAG = randomBytes(32);
const BOX = randomBytes(100);
const OFFER_HEADER_BYTES = 1 + 32 + 4 + 32 + 32 + 1 + 2 + 32 + 1088;
const ANSWER_HEADER_BYTES = 1 + 32 + 4 + 32 + 1088;

function refusesShorter(bytes: Bytes, shortest: number, decode: (bytes: Bytes) => unknown): void {
  for (let length = 0; length < shortest; length++) {
    assert.throws(() => decode(bytes.slice(0, length)), (error: { code?: string }) => {
      return error.code === "malformed" || error.code === "bad_key";
    }, `${length} bytes`);
  }
}

Deno.test("a call's common part comes back as it was, in its exact length", () => {
  const bytes = encodeCallCommon(common);
  assert.equal(bytes.length, 1 + 1 + 2 + 16 + 8 + 4 + 32 * 4 + 1184);
  assert.deepEqual(decodeCallCommon(bytes), common);
  refusesShorter(bytes, bytes.length, decodeCallCommon);
  assert.throws(() => decodeCallCommon(concat(bytes, Uint8Array.of(0))), MALFORMED);
  for (const at of [0, 1, 3]) {
    assert.throws(() => decodeCallCommon(flipped(bytes, 8 * at + 4)), MALFORMED, `byte ${at}`);
  }
  assert.notDeepEqual(commonHash(bytes), commonHash(flipped(bytes, 300)));
});

Deno.test("an offer lives 60 seconds at most, and its encapsulation key is checked", () => {
  assert.equal(MAX_TTL_S, 60);
  assert.throws(() => decodeCallCommon(encodeCallCommon({ ...common, ttlS: 61 })), MALFORMED);
  const bytes = encodeCallCommon(common);
  bytes.fill(0xff, bytes.length - 1184, bytes.length - 1180);
  assert.throws(() => decodeCallCommon(bytes), BAD_KEY);
});

Deno.test("offer, answer and confirm come back as they were", () => {
  for (const opkIndex of [null, 0, 31, 65_535]) {
    const headerBytes = encodeOfferHeader({ ...offer, opkIndex });
    assert.equal(headerBytes.length, OFFER_HEADER_BYTES);
    const decoded = decodeOffer(concat(headerBytes, TAG, BOX));
    assert.deepEqual(decoded, { header: { ...offer, opkIndex }, headerBytes, tag: TAG, box: BOX });
  }
  const headerBytes = encodeAnswerHeader(answer);
  assert.equal(headerBytes.length, ANSWER_HEADER_BYTES);
  const decoded = decodeAnswer(concat(headerBytes, TAG, BOX));
  assert.deepEqual(decoded, { header: answer, headerBytes, tag: TAG, box: BOX });
  assert.deepEqual(decodeConfirm(encodeConfirm(TAG, BOX)), { tag: TAG, box: BOX });
});

Deno.test("a message cut inside its header or tag, or of another type, is refused", () => {
  const offered = concat(encodeOfferHeader(offer), TAG, BOX);
  const answered = concat(encodeAnswerHeader(answer), TAG, BOX);
  const confirmed = encodeConfirm(TAG, BOX);
  refusesShorter(offered, OFFER_HEADER_BYTES + 32, decodeOffer);
  refusesShorter(answered, ANSWER_HEADER_BYTES + 32, decodeAnswer);
  refusesShorter(confirmed, 33, decodeConfirm);
  const decoders = [decodeOffer, decodeAnswer, decodeConfirm, decodeCallCommon];
  [offered, answered, confirmed].forEach((message, i) => {
    decoders.forEach((decode, j) => {
      if (i !== j) assert.throws(() => decode(message), MALFORMED, `${i} as ${j}`);
    });
  });
});

Deno.test("an offer says in one way whether it used a one-time prekey", () => {
  const at = 1 + 32 + 4 + 32 + 32;
  const header = encodeOfferHeader(offer);
  for (const flag of [[2, 0, 31], [255, 0, 31], [0, 0, 31], [0, 1, 0]]) {
    const bytes = concat(header, TAG, BOX);
    bytes.set(flag, at);
    assert.throws(() => decodeOffer(bytes), MALFORMED, String(flag));
  }
});

Deno.test("ephemeral keys that are not canonical, or of small order, are refused", () => {
  const bad = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0900000000000000000000000000000000000000000000000000000000000080",
  ];
  for (const hex of bad) {
    const offered = concat(encodeOfferHeader(offer), TAG, BOX);
    offered.set(fromHex(hex), OFFER_HEADER_BYTES - 1088 - 32);
    assert.throws(() => decodeOffer(offered), BAD_KEY, hex);
    const answered = concat(encodeAnswerHeader(answer), TAG, BOX);
    answered.set(fromHex(hex), ANSWER_HEADER_BYTES - 1088 - 32);
    assert.throws(() => decodeAnswer(answered), BAD_KEY, hex);
  }
});
