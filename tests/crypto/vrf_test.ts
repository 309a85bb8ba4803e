import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { vrfKeyFromSeed, vrfProofToHash, vrfProve, vrfVerify } from "../../crypto/vrf.ts";
import { fromHex } from "../support/hex.ts";
import { vectors } from "../support/vectors.ts";

const BAD_VRF = { code: "bad_vrf" };
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const KEY = vrfKeyFromSeed(utf8("0123456789abcdef0123456789abcdef"));
const ALPHA = utf8("alpha");
const PROOF = vrfProve(KEY, ALPHA);

function littleEndian(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`);
}

function withPart(at: number, part: Uint8Array): Bytes {
  const proof = Uint8Array.from(PROOF);
  proof.set(part, at);
  return proof;
}

interface VrfVector {
  readonly sk: string;
  readonly pk: string;
  readonly alpha: string;
  readonly pi: string;
  readonly beta: string;
}

function holds({ sk, pk, alpha, pi, beta }: VrfVector): void {
  const key = vrfKeyFromSeed(fromHex(sk));
  assert.equal(toHex(key.publicKey), pk);
  assert.equal(toHex(vrfProve(key, fromHex(alpha))), pi);
  assert.ok(toHex(vrfVerify(fromHex(pk), fromHex(alpha), fromHex(pi))).startsWith(beta));
  assert.ok(toHex(vrfProofToHash(fromHex(pi))).startsWith(beta));
}

Deno.test("example 18 of RFC 9381, appendix B.3, holds in full", () => {
  holds({
    sk: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    pk: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    alpha: "af82",
    pi: "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf80" +
      "96bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a" +
      "2d41b00b05081ed0f58ee5e31b3a970e",
    beta: "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45" +
      "2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
  });
});

Deno.test("the other examples of RFC 9381, appendix B.3, hold", async () => {
  const file = await vectors("vrf/rfc9381_edwards25519_sha512_tai.json");
  if (file === null) return;
  const examples = (file as { vectors: VrfVector[] }).vectors;
  assert.ok(examples.length > 0);
  for (const example of examples) holds(example);
});

Deno.test("proofs are deterministic, and inputs of all lengths have outputs of their own", () => {
  const outputs = new Set<string>();
  for (const length of [0, 1, 31, 32, 33, 255, 300]) {
    const alpha = new Uint8Array(length);
    const proof = vrfProve(KEY, alpha);
    assert.deepEqual(vrfProve(KEY, alpha), proof);
    const output = vrfVerify(KEY.publicKey, alpha, proof);
    assert.equal(output.length, 64);
    assert.deepEqual(vrfProofToHash(proof), output);
    outputs.add(toHex(output));
  }
  assert.equal(outputs.size, 7);
});

Deno.test("a proof is of one input under one key", () => {
  vrfVerify(KEY.publicKey, ALPHA, PROOF);
  assert.throws(() => vrfVerify(KEY.publicKey, utf8("alphb"), PROOF), BAD_VRF);
  assert.throws(() => vrfVerify(KEY.publicKey, new Uint8Array(0), PROOF), BAD_VRF);
  const other = vrfKeyFromSeed(utf8("0123456789abcdef0123456789abcdeg"));
  assert.throws(() => vrfVerify(other.publicKey, ALPHA, PROOF), BAD_VRF);
  assert.throws(() => vrfVerify(KEY.publicKey, ALPHA, vrfProve(other, ALPHA)), BAD_VRF);
});

Deno.test("a proof with any bit changed, or of another length, is refused", () => {
  for (let bit = 0; bit < 640; bit += 3) {
    const proof = Uint8Array.from(PROOF);
    proof[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => vrfVerify(KEY.publicKey, ALPHA, proof), BAD_VRF, `bit ${bit}`);
  }
  for (const proof of [PROOF.slice(1), Uint8Array.of(...PROOF, 0), new Uint8Array(0)]) {
    assert.throws(() => vrfVerify(KEY.publicKey, ALPHA, proof), BAD_VRF);
    assert.throws(() => vrfProofToHash(proof), BAD_VRF);
  }
});

Deno.test("s has one spelling: s + L, the same scalar, is refused", () => {
  const s = integer(PROOF.subarray(48));
  for (const value of [s + L, L, 2n ** 256n - 1n]) {
    const proof = withPart(48, littleEndian(value));
    assert.throws(() => vrfVerify(KEY.publicKey, ALPHA, proof), BAD_VRF);
    assert.throws(() => vrfProofToHash(proof), BAD_VRF);
  }
  vrfProofToHash(withPart(48, littleEndian(L - 1n)));
});

/** Encodings that are no canonical point: y = p, y = p + 1, a negative zero x, off the curve. */
const NO_POINTS = [
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
  `01${"00".repeat(30)}80`,
  `02${"00".repeat(31)}`,
];

Deno.test("Gamma and the key must be canonical points", () => {
  for (const encoding of NO_POINTS) {
    const bytes = fromHex(encoding);
    assert.throws(() => vrfProofToHash(withPart(0, bytes)), BAD_VRF);
    assert.throws(() => vrfVerify(KEY.publicKey, ALPHA, withPart(0, bytes)), BAD_VRF);
    assert.throws(() => vrfVerify(bytes, ALPHA, PROOF), /not a point of large order/);
  }
  assert.throws(() => vrfVerify(KEY.publicKey.slice(1), ALPHA, PROOF), BAD_VRF);
});

Deno.test("a key of small order is refused before anything is computed under it", () => {
  const small = [
    `01${"00".repeat(31)}`,
    `ec${"ff".repeat(30)}7f`,
    "00".repeat(32),
    `${"00".repeat(31)}80`,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ];
  for (const key of small) {
    assert.throws(() => vrfVerify(fromHex(key), ALPHA, PROOF), /not a point of large order/);
  }
});

Deno.test("a VRF key does not print its secrets, and a wiped one does not prove", () => {
  const key = vrfKeyFromSeed(new Uint8Array(32));
  assert.ok(!JSON.stringify(key).includes(toHex(key.scalar.expose())));
  assert.equal(JSON.parse(JSON.stringify(key)).scalar, "[secret]");
  key.scalar.wipe();
  assert.throws(() => vrfProve(key, ALPHA), { code: "spent" });
  assert.throws(() => vrfKeyFromSeed(new Uint8Array(31)), /^Error: bug:/);
});
