import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "../../crypto/base64.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { generateSigningKeyPair, parseVerifyingKey } from "../../crypto/keys.ts";
import {
  formatNote,
  formatSignatureLine,
  MAX_NOTE_BYTES,
  MAX_NOTE_SIGNATURES,
  openNote,
  parseNote,
  parseSignatureLines,
  type Signer,
  signNote,
  type Verifier,
} from "../../crypto/note.ts";
import {
  ed25519Signer,
  ed25519Verifier,
  formatVerifierKey,
  isKeyName,
  NOTE_KEY_TYPE,
  noteKeyId,
  parseVerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import { ed25519FromSeed } from "../../crypto/primitives.ts";

const BAD_NOTE = { code: "bad_note" };

// Keys and signatures that golang.org/x/mod/sumdb/note publishes with its tests.
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"; // type byte, then the seed
const ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT = "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n";
const PETER_LINE =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgK" +
  "vqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01o" +
  "OTGwnWLox33WWd1RvMc+QQ=\n";
const GO_NOTE = `${TEXT}\n${PETER_LINE}${ENOCH_LINE}`;

function verifier(vkey: string): Verifier {
  return ed25519Verifier(parseVerifierKey(vkey));
}

async function keyOf(name: string): Promise<{ signer: Signer; verifier: Verifier }> {
  const pair = await generateSigningKeyPair();
  const key = verifierKey(name, NOTE_KEY_TYPE.ed25519, pair.publicKey);
  return { signer: ed25519Signer(name, pair), verifier: ed25519Verifier(key) };
}

Deno.test("notes that Go signed open, and unknown keys are ignored", async () => {
  const both = await openNote(GO_NOTE, [verifier(PETER), verifier(ENOCH)]);
  assert.equal(both.text, TEXT);
  assert.deepEqual(both.signatures.map(({ name }) => name), ["PeterNeumann", "EnochRoot"]);
  assert.deepEqual(both.signatures.map(formatSignatureLine), [PETER_LINE, ENOCH_LINE]);
  assert.deepEqual(both.unknown, []);
  const one = await openNote(GO_NOTE, [verifier(ENOCH)]);
  assert.deepEqual(one.signatures.map(({ keyId }) => keyId), [0xaf0cfe78]);
  assert.deepEqual(one.unknown.map(({ name }) => name), ["PeterNeumann"]);
  await assert.rejects(openNote(GO_NOTE, []), BAD_NOTE);
});

Deno.test("what is signed here is what Go signs", async () => {
  const pair = await ed25519FromSeed(fromBase64(PETER_PRIVATE)!.slice(1));
  const signer = ed25519Signer("PeterNeumann", {
    publicKey: parseVerifyingKey(pair.publicKey),
    privateKey: pair.privateKey,
  });
  assert.equal(await signNote(TEXT, [signer]), `${TEXT}\n${PETER_LINE}`);
});

Deno.test("a note round-trips, with blank lines and all of Unicode in its text", async () => {
  const [a, b] = [await keyOf("log.example/kt/1"), await keyOf("zeuge.example/ä")];
  for (
    const text of ["\n", "one\n", "one\n\ntwo\n", "one\n\n", "\u{1F511} — x\n\n— a b\n", "\n\n\n"]
  ) {
    const note = await signNote(text, [a.signer, b.signer]);
    const opened = await openNote(note, [b.verifier, a.verifier]);
    assert.equal(opened.text, text);
    assert.equal(opened.signatures.length, 2);
    const parsed = parseNote(note);
    assert.equal(formatNote(parsed.text, parsed.signatures), note);
  }
});

Deno.test("a known key with a bad signature rejects a note that another key signed well", async () => {
  const [a, b] = [await keyOf("a"), await keyOf("b")];
  const { text, signatures: [good, other] } = parseNote(
    await signNote("x\n", [a.signer, b.signer]),
  );
  for (let i = 0; i < 64; i += 7) {
    const bad = { ...other!, signature: Uint8Array.from(other!.signature) };
    bad.signature[i]! ^= 1;
    const note = formatNote(text, [good!, bad]);
    await openNote(note, [a.verifier]);
    await assert.rejects(openNote(note, [a.verifier, b.verifier]), BAD_NOTE);
    // Also where the same key signed well in another line.
    await assert.rejects(openNote(formatNote(text, [other!, bad]), [b.verifier]), BAD_NOTE);
  }
  for (const length of [1, 63, 65]) {
    const signature = new Uint8Array(length);
    const note = formatNote(text, [good!, { ...other!, signature }]);
    await assert.rejects(openNote(note, [a.verifier, b.verifier]), BAD_NOTE);
  }
});

Deno.test("a key is known by name and ID together", async () => {
  const a = await keyOf("a");
  const { text, signatures: [line] } = parseNote(await signNote("x\n", [a.signer]));
  const renamed = { ...line!, name: "b" };
  const renumbered = { ...line!, keyId: (line!.keyId + 1) % 2 ** 32 };
  for (const stranger of [renamed, renumbered]) {
    await assert.rejects(openNote(formatNote(text, [stranger]), [a.verifier]), BAD_NOTE);
    const opened = await openNote(formatNote(text, [stranger, line!]), [a.verifier]);
    assert.deepEqual(opened.signatures, [line]);
    assert.deepEqual(opened.unknown, [stranger]);
  }
});

Deno.test("a key that signs twice counts once", async () => {
  const opened = await openNote(`${TEXT}\n${PETER_LINE.repeat(3)}`, [verifier(PETER)]);
  assert.equal(opened.signatures.length, 1);
});

Deno.test("two verifiers of one name and ID are a bug of the caller", async () => {
  await assert.rejects(openNote(GO_NOTE, [verifier(PETER), verifier(PETER)]), /^Error: bug:/);
});

Deno.test("another text, even by white space, does not verify", async () => {
  for (const text of [TEXT + "\n", TEXT.replace("you ", "you  "), TEXT.slice(1)]) {
    await assert.rejects(openNote(`${text}\n${PETER_LINE}`, [verifier(PETER)]), BAD_NOTE);
  }
});

Deno.test("malformed notes are refused", async () => {
  const bad: Record<string, string> = {
    "nothing": "",
    "only a text": TEXT,
    "no signature": `${TEXT}\n`,
    "no final newline": `${TEXT}\n${PETER_LINE}`.slice(0, -1),
    "no blank line": `${TEXT}${PETER_LINE}`,
    "no text": `\n${PETER_LINE}`,
    "a control character": `\x01${TEXT}\n${PETER_LINE}`,
    "carriage returns": GO_NOTE.replaceAll("\n", "\r\n"),
    "a tab": `a\tb\n\n${PETER_LINE}`,
    "a lone surrogate": `\ud800\n\n${PETER_LINE}`,
    "a blank line at the end": `${TEXT}\n${PETER_LINE}\n`,
    "a line that is no signature": `${TEXT}\n${PETER_LINE}Unexpected line.\n`,
    "a hyphen for the dash": `${TEXT}\n${PETER_LINE.replace("—", "-")}`,
    "two spaces": `${TEXT}\n${PETER_LINE.replace(" x08", "  x08")}`,
    "a space at the end": `${TEXT}\n${PETER_LINE.replace("=\n", "= \n")}`,
    "a name with a space": `${TEXT}\n${PETER_LINE.replace("Neumann", " Neumann")}`,
    "a name with a no-break space": `${TEXT}\n${PETER_LINE.replace("rN", "r\u00a0N")}`,
    "a name with a plus": `${TEXT}\n${PETER_LINE.replace("rN", "r+N")}`,
    "no name": `${TEXT}\n— x08go/ZJ\n`,
    "no signature bytes": `${TEXT}\n— a ${toBase64(new Uint8Array(4))}\n`,
    "too many signatures": `${TEXT}\n${PETER_LINE.repeat(MAX_NOTE_SIGNATURES + 1)}`,
    "too long": `${"x".repeat(MAX_NOTE_BYTES - 10)}\n\n${PETER_LINE}`,
  };
  for (const [what, note] of Object.entries(bad)) {
    assert.throws(() => parseNote(note), BAD_NOTE, what);
    await assert.rejects(openNote(note, [verifier(PETER)]), BAD_NOTE, what);
  }
  parseNote(`${TEXT}\n${PETER_LINE.repeat(MAX_NOTE_SIGNATURES)}`);
});

Deno.test("a signature has one base64 spelling", () => {
  const line = (base64: string) => `${TEXT}\n— a ${base64}\n`;
  parseNote(line("AAAAAAE="));
  for (
    const spelling of ["AAAAAAF=", "AAAAAAE", "AAAAAAE==", "AAAAAAE=A", "AAAA-AE=", "AAAA*AE="]
  ) {
    assert.throws(() => parseNote(line(spelling)), BAD_NOTE, spelling);
  }
});

Deno.test("a text that would come back as another is not signed", async () => {
  const { signer } = await keyOf("a");
  for (const text of ["", "x", "x\ty\n", "\ud800\n", "x\u0000\n", "x\n\n— a AAAAAAE="]) {
    await assert.rejects(signNote(text, [signer]), BAD_NOTE, JSON.stringify(text));
  }
  await assert.rejects(signNote("x\n", []), BAD_NOTE);
  const signature = new Uint8Array(1) as Bytes;
  assert.throws(() => formatNote("x\n", [{ name: "a b", keyId: 1, signature }]), BAD_NOTE);
  assert.throws(() => formatNote("x\n", [{ name: "a\n", keyId: 1, signature }]), BAD_NOTE);
});

Deno.test("signature lines of a witness are read alone", () => {
  const lines = parseSignatureLines(PETER_LINE + ENOCH_LINE);
  assert.deepEqual(lines.map(({ keyId }) => keyId), [0xc74f20a3, 0xaf0cfe78]);
  for (const bad of ["", "\n", `\n${PETER_LINE}`, PETER_LINE.slice(0, -1)]) {
    assert.throws(() => parseSignatureLines(bad), BAD_NOTE);
  }
});

Deno.test("verifier keys of Go parse, and have one spelling", () => {
  const sumdb = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
  const key = parseVerifierKey(sumdb);
  assert.equal(key.name, "sum.golang.org");
  assert.equal(key.keyId, 0x033de0ae);
  assert.equal(key.type, NOTE_KEY_TYPE.ed25519);
  for (const vkey of [sumdb, PETER, ENOCH]) {
    assert.equal(formatVerifierKey(parseVerifierKey(vkey)), vkey);
    for (let i = 0; i < vkey.length; i++) {
      const next = String.fromCharCode(vkey.charCodeAt(i) + 1);
      assert.throws(() => parseVerifierKey(vkey.slice(0, i) + next + vkey.slice(i + 1)));
      assert.throws(() => parseVerifierKey(vkey.slice(0, i)));
      if (i > 0) assert.throws(() => parseVerifierKey(vkey.slice(i)));
    }
  }
  assert.throws(() => parseVerifierKey(PETER.replace("c74f20a3", "C74F20A3")), {
    code: "malformed",
  });
  assert.throws(() => parseVerifierKey(PETER.replace("c74f20a3", "c74f20a4")), { code: "bad_key" });
  assert.throws(() => parseVerifierKey(`${PETER}\n`), { code: "malformed" });
});

Deno.test("an Ed25519 key of small order is no verifier key, under either type", () => {
  const small = Uint8Array.from({ length: 32 }, (_, i) => i === 0 ? 1 : 0);
  for (const type of [NOTE_KEY_TYPE.ed25519, NOTE_KEY_TYPE.ed25519Cosignature]) {
    assert.throws(() => verifierKey("a", type, small), { code: "bad_key" });
    const keyId = noteKeyId("a", type, small);
    const text = formatVerifierKey({ name: "a", keyId, type, publicKey: small });
    assert.throws(() => parseVerifierKey(text), { code: "bad_key" });
  }
});

Deno.test("a key of another type keeps its type and does not verify plain signatures", () => {
  const key = verifierKey("w", NOTE_KEY_TYPE.mlDsa44, new Uint8Array(1312));
  assert.deepEqual(parseVerifierKey(formatVerifierKey(key)), key);
  assert.throws(() => ed25519Verifier(key), { code: "bad_key" });
  const cosigner = verifierKey(
    "w",
    NOTE_KEY_TYPE.ed25519Cosignature,
    parseVerifierKey(PETER).publicKey,
  );
  assert.notEqual(cosigner.keyId, noteKeyId("w", NOTE_KEY_TYPE.ed25519, cosigner.publicKey));
  assert.throws(() => ed25519Verifier(cosigner), { code: "bad_key" });
});

Deno.test("a key's name has no spaces, no plus and no control characters", () => {
  for (const name of ["a", "example.com/log", "ä—", "a=b"]) assert.ok(isKeyName(name));
  for (const name of ["", " ", "a b", "a+b", "a\u2003b", "a\n", "\x00", "a\u0085", "\ud800"]) {
    assert.ok(!isKeyName(name), JSON.stringify(name));
  }
  assert.throws(() => verifierKey("a b", 1, utf8("")), { code: "malformed" });
});
