import assert from "node:assert/strict";
import { toBase64 } from "../../crypto/base64.ts";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { encodeCheckpoint, openCheckpoint } from "../../crypto/checkpoint.ts";
import {
  cosignedAtMs,
  type Cosigner,
  ed25519Cosigner,
  mlDsa44Cosigner,
} from "../../crypto/cosignature.ts";
import { MAX_COSIGNED_S, subtreeMessage } from "../../crypto/cosignature_message.ts";
import {
  generateSigningKeyPair,
  parseVerifyingKey,
  type SigningKeyPair,
} from "../../crypto/keys.ts";
import { mlDsa44FromSeed, mlDsa44Verify } from "../../crypto/ml_dsa.ts";
import {
  ed25519Signer,
  formatNote,
  formatSignatureLine,
  type NoteSignature,
  openNote,
  parseNote,
  type Signer,
  signNote,
} from "../../crypto/note.ts";
import {
  formatVerifierKey,
  NOTE_KEY_TYPE,
  noteVerifier,
  parseVerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import { ed25519FromSeed, ed25519Sign, randomBytes } from "../../crypto/primitives.ts";
import { leafHash } from "../../crypto/tree.ts";

const BAD_NOTE = { code: "bad_note" };
const ORIGIN = "countersign.example/kt/1";
const TEXT = encodeCheckpoint({ origin: ORIGIN, size: 7, root: leafHash(utf8("x")) });

// Made by filippo.io/torchwood v0.10.0 from a seed of 32 bytes of value 7.
const SEED = new Uint8Array(32).fill(7);
const GO_TIME_S = 1795634187;
const GO_VKEY = "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const GO_LINE =
  "— witness.example/w1 qkoJ0QAAAABrBzQLdXcgEhGL9Ap+P9p70zs8ptcVnzCionrnWtYHqpRkg846" +
  "MuNJYZLXuXyDDWOj6ty6BsODmPP8V/PUQpdBahamBw==\n";
const GO_ML_DSA_ID = 0xbd428117; // of "witness.example/w2"

async function pairOf(seed: Bytes): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}

async function bothKinds(): Promise<Cosigner[]> {
  return [
    ed25519Cosigner("witness.example/w1", await generateSigningKeyPair()),
    await mlDsa44Cosigner("witness.example/w2", randomBytes(32)),
  ];
}

function changed(line: NoteSignature, at: number): NoteSignature {
  const signature = Uint8Array.from(line.signature);
  signature[at]! ^= 1;
  return { ...line, signature };
}

Deno.test("an Ed25519 cosignature is the one that Go makes, and Go's opens here", async () => {
  const cosigner = ed25519Cosigner("witness.example/w1", await pairOf(SEED));
  assert.equal(formatVerifierKey(cosigner.key), GO_VKEY);
  assert.equal(formatSignatureLine(await cosigner.sign(TEXT, GO_TIME_S)), GO_LINE);
  const opened = await openNote(`${TEXT}\n${GO_LINE}`, [noteVerifier(parseVerifierKey(GO_VKEY))]);
  assert.equal(cosignedAtMs(opened.signatures[0]!, 0x04), GO_TIME_S * 1000);
});

Deno.test("an ML-DSA-44 key has the ID that Go gives it, and signs the bytes of subtree/v1", async () => {
  const cosigner = await mlDsa44Cosigner("witness.example/w2", SEED);
  assert.equal(cosigner.key.keyId, GO_ML_DSA_ID);
  assert.deepEqual(parseVerifierKey(formatVerifierKey(cosigner.key)), cosigner.key);
  const expected = concat(
    utf8("subtree/v1\n\0"),
    Uint8Array.of(18),
    utf8("witness.example/w2"),
    Uint8Array.of(0, 0, 0, 0, 0x6b, 0x07, 0x34, 0x0b),
    Uint8Array.of(24),
    utf8(ORIGIN),
    new Uint8Array(8),
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7),
    leafHash(utf8("x")),
  );
  const message = subtreeMessage("witness.example/w2", utf8(TEXT), GO_TIME_S);
  assert.equal(toHex(message!), toHex(expected));
  const line = await cosigner.sign(TEXT, GO_TIME_S);
  assert.equal(line.signature.length, 8 + 2420);
  assert.equal(toHex(line.signature.subarray(0, 8)), "000000006b07340b");
  assert.ok(await mlDsa44Verify(cosigner.key.publicKey, expected, line.signature.slice(8)));
});

Deno.test("a cosignature of either type verifies for its text, time, name and key only", async () => {
  for (const cosigner of await bothKinds()) {
    const verifier = noteVerifier(cosigner.key);
    const line = await cosigner.sign(TEXT, GO_TIME_S);
    assert.ok(await verifier.verify(utf8(TEXT), line.signature));
    const larger = encodeCheckpoint({ origin: ORIGIN, size: 8, root: leafHash(utf8("x")) });
    const elsewhere = encodeCheckpoint({ origin: "o", size: 7, root: leafHash(utf8("x")) });
    for (const text of [larger, elsewhere]) {
      assert.ok(!await verifier.verify(utf8(text), line.signature));
    }
    // Its time, the first and the last byte of the signature.
    for (const at of [0, 7, 8, line.signature.length - 1]) {
      assert.ok(!await verifier.verify(utf8(TEXT), changed(line, at).signature), `byte ${at}`);
    }
    for (const length of [0, 7, 8, 71, line.signature.length - 1]) {
      assert.ok(!await verifier.verify(utf8(TEXT), line.signature.slice(0, length)));
    }
    assert.ok(
      !await verifier.verify(utf8(TEXT), concat(line.signature, Uint8Array.of(0))),
      "a byte more",
    );
    const other = (await bothKinds()).find(({ key }) => key.type === cosigner.key.type)!;
    assert.ok(!await noteVerifier(other.key).verify(utf8(TEXT), line.signature));
  }
  // What ML-DSA-44 signs names its cosigner; what Ed25519 signs does not.
  const [a, b] = [await mlDsa44Cosigner("a", SEED), await mlDsa44Cosigner("b", SEED)];
  const { signature } = await a.sign(TEXT, GO_TIME_S);
  assert.ok(!await noteVerifier(b.key).verify(utf8(TEXT), signature));
});

Deno.test("only the three lines of a checkpoint are cosigned, or verified as if they were", async () => {
  const pair = await generateSigningKeyPair();
  const verifier = noteVerifier(verifierKey("w", NOTE_KEY_TYPE.ed25519Cosignature, pair.publicKey));
  for (const text of ["x\n", `${TEXT}extension\n`, TEXT.slice(0, -1), TEXT.replace("7", "07")]) {
    for (const cosigner of await bothKinds()) {
      await assert.rejects(cosigner.sign(text, GO_TIME_S), { code: "malformed" });
    }
    const message = utf8(`cosignature/v1\ntime 1\n${text}`);
    const signature = concat(
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1),
      await ed25519Sign(pair.privateKey, message),
    );
    assert.ok(!await verifier.verify(utf8(text), signature));
  }
});

Deno.test("a cosignature has a time, not zero and not beyond all clocks", async () => {
  for (const cosigner of await bothKinds()) {
    const never = [0, -1, 1.5, NaN, MAX_COSIGNED_S + 1, 2 ** 63];
    for (const time of never) await assert.rejects(cosigner.sign(TEXT, time), /bug/);
    const line = await cosigner.sign(TEXT, MAX_COSIGNED_S);
    assert.ok(await noteVerifier(cosigner.key).verify(utf8(TEXT), line.signature));
    assert.equal(cosignedAtMs(line, cosigner.key.type), MAX_COSIGNED_S * 1000);
  }
  // Times beyond it, signed as they stand.
  const pair = await generateSigningKeyPair();
  const verifier = noteVerifier(verifierKey("w", 0x04, pair.publicKey));
  for (const time of [BigInt(MAX_COSIGNED_S) + 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const head = new Uint8Array(8);
    new DataView(head.buffer).setBigUint64(0, time);
    const message = utf8(`cosignature/v1\ntime ${time}\n${TEXT}`);
    const signature = concat(head, await ed25519Sign(pair.privateKey, message));
    assert.ok(!await verifier.verify(utf8(TEXT), signature));
  }
});

Deno.test("a known witness with a bad cosignature rejects a head that its log signed well", async () => {
  const pair = await generateSigningKeyPair();
  const log = ed25519Signer(ORIGIN, pair);
  const logKey = verifierKey(ORIGIN, NOTE_KEY_TYPE.ed25519, pair.publicKey);
  const { signatures: [own] } = parseNote(await signNote(TEXT, [log]));
  for (const cosigner of await bothKinds()) {
    const line = await cosigner.sign(TEXT, GO_TIME_S);
    const verifiers = [noteVerifier(logKey), noteVerifier(cosigner.key)];
    const good = await openCheckpoint(formatNote(TEXT, [own!, line]), ORIGIN, verifiers);
    assert.equal(good.note.signatures.length, 2);
    const bad = formatNote(TEXT, [own!, changed(line, 9)]);
    await assert.rejects(openCheckpoint(bad, ORIGIN, verifiers), BAD_NOTE);
    // Whoever does not know the witness has no reason to doubt.
    await openCheckpoint(bad, ORIGIN, [noteVerifier(logKey)]);
  }
});

Deno.test("a cosignature never stands for the log's own signature, whatever name it has", async () => {
  const pair = await generateSigningKeyPair();
  const impostor = ed25519Cosigner(ORIGIN, pair);
  const note = formatNote(TEXT, [await impostor.sign(TEXT, GO_TIME_S)]);
  await openNote(note, [noteVerifier(impostor.key)]);
  await assert.rejects(openCheckpoint(note, ORIGIN, [noteVerifier(impostor.key)]), BAD_NOTE);
  // The log itself may sign with ML-DSA-44 alone.
  const own = await mlDsa44Cosigner(ORIGIN, SEED);
  const signed = formatNote(TEXT, [await own.sign(TEXT, GO_TIME_S)]);
  assert.equal((await openCheckpoint(signed, ORIGIN, [noteVerifier(own.key)])).size, 7);
});

Deno.test("each verifier says its type, and unknown types verify nothing", async () => {
  const { publicKey } = await generateSigningKeyPair();
  for (const type of [0x01, 0x04]) {
    assert.equal(noteVerifier(verifierKey("n", type, publicKey)).type, type);
  }
  const [, pq] = await bothKinds();
  assert.equal(noteVerifier(pq!.key).type, 0x06);
  for (const type of [0x00, 0x02, 0x03, 0x05, 0xff]) {
    const bytes = randomBytes(32);
    assert.throws(() => noteVerifier(verifierKey("n", type, bytes)), { code: "bad_key" });
  }
  // One key in two types has two IDs; a text signed with 0x01 is no cosignature.
  const pair = await generateSigningKeyPair();
  const text: Signer = ed25519Signer("n", pair);
  const cosigner = ed25519Cosigner("n", pair);
  assert.notEqual(text.keyId, cosigner.key.keyId);
  const plain = await text.sign(utf8(TEXT));
  assert.ok(!await noteVerifier(cosigner.key).verify(utf8(TEXT), plain));
  assert.equal(cosignedAtMs({ signature: plain }, 0x01), null);
});

Deno.test("an ML-DSA-44 key has 1312 bytes and a name that its message can hold", async () => {
  for (const length of [0, 32, 1311, 1313]) {
    const key = new Uint8Array(length);
    assert.throws(() => verifierKey("n", 0x06, key), { code: "bad_key" });
    const vkey = `n+00000000+${toBase64(concat(Uint8Array.of(0x06), key))}`;
    assert.throws(() => parseVerifierKey(vkey), /CryptoError/);
  }
  await mlDsa44Cosigner("x".repeat(255), SEED);
  await assert.rejects(mlDsa44Cosigner("x".repeat(256), SEED), { code: "malformed" });
});

Deno.test("a runtime without ML-DSA signs and verifies the same with the portable one", async () => {
  const native = await mlDsa44FromSeed(SEED);
  const message = utf8("message");
  const made = await native.sign(message);
  const { importKey } = crypto.subtle;
  let asked = 0;
  crypto.subtle.importKey = () => {
    asked++;
    return Promise.reject(new DOMException("No such algorithm", "NotSupportedError"));
  };
  try {
    const portable = await mlDsa44FromSeed(SEED);
    assert.deepEqual(portable.publicKey, native.publicKey);
    assert.ok(await mlDsa44Verify(native.publicKey, message, made));
    const forged = Uint8Array.from(made);
    forged[100]! ^= 1;
    assert.ok(!await mlDsa44Verify(native.publicKey, message, forged));
    assert.ok(!await mlDsa44Verify(native.publicKey, utf8("other"), made));
    const own = await portable.sign(message);
    crypto.subtle.importKey = importKey;
    assert.ok(await mlDsa44Verify(native.publicKey, message, own));
  } finally {
    crypto.subtle.importKey = importKey;
  }
  assert.equal(asked, 4);
});
