import assert from "node:assert/strict";
import { toBase64 } from "../../crypto/base64.ts";
import { toHex, utf8 } from "../../crypto/bytes.ts";
import {
  encodeCheckpoint,
  MAX_ORIGIN_BYTES,
  openCheckpoint,
  parseCheckpoint,
  parseDecimal,
} from "../../crypto/checkpoint.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { type Signer, signNote, type Verifier } from "../../crypto/note.ts";
import { ed25519Signer, ed25519Verifier, verifierKey } from "../../crypto/note_key.ts";
import { emptyRoot, leafHash } from "../../crypto/tree.ts";

const MALFORMED = { code: "malformed" };
const BAD_NOTE = { code: "bad_note" };
const ORIGIN = "countersign.example/kt/1";
const ROOT = leafHash(utf8("x"));
const BODY = `${ORIGIN}\n7\n${toBase64(ROOT)}\n`;

async function keyOf(name: string): Promise<{ signer: Signer; verifier: Verifier }> {
  const pair = await generateSigningKeyPair();
  const verifier = ed25519Verifier(verifierKey(name, 1, pair.publicKey));
  return { signer: ed25519Signer(name, pair), verifier };
}

Deno.test("a checkpoint's body is its three lines", () => {
  assert.equal(encodeCheckpoint({ origin: ORIGIN, size: 7, root: ROOT }), BODY);
  assert.deepEqual(parseCheckpoint(BODY), { origin: ORIGIN, size: 7, root: ROOT });
  const published = "example.com/behind-the-sofa\n20852163\n" +
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  const { size, root } = parseCheckpoint(published);
  assert.equal(size, 20852163);
  assert.equal(toHex(root.subarray(0, 4)), "0ac5186a");
  for (const size of [1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const checkpoint = { origin: "o", size, root: ROOT };
    assert.deepEqual(parseCheckpoint(encodeCheckpoint(checkpoint)), checkpoint);
  }
});

Deno.test("a body in any other form is refused", () => {
  const root = toBase64(ROOT);
  const bad: Record<string, string> = {
    "nothing": "",
    "two lines": `${ORIGIN}\n7\n`,
    "no final newline": BODY.slice(0, -1),
    "an extension line": `${BODY}extension\n`,
    "a blank line": `${BODY}\n`,
    "no origin": `\n7\n${root}\n`,
    "an origin too long": `${"x".repeat(MAX_ORIGIN_BYTES + 1)}\n7\n${root}\n`,
    "an origin with a carriage return": `o\r\n7\n${root}\n`,
    "a lone surrogate": `\ud800\n7\n${root}\n`,
    "a leading zero": `o\n07\n${root}\n`,
    "a plus": `o\n+7\n${root}\n`,
    "a sign": `o\n-7\n${root}\n`,
    "an exponent": `o\n1e3\n${root}\n`,
    "a fraction": `o\n7.0\n${root}\n`,
    "a space": `o\n7 \n${root}\n`,
    "no size": `o\n\n${root}\n`,
    "a size of 2^53": `o\n${2 ** 53}\n${root}\n`,
    "a size of 2^64": `o\n18446744073709551616\n${root}\n`,
    "a short root": `o\n7\n${toBase64(ROOT.slice(1))}\n`,
    "a long root": `o\n7\n${toBase64(Uint8Array.of(...ROOT, 0))}\n`,
    "a root without padding": `o\n7\n${root.slice(0, -1)}\n`,
    "a root of another spelling": `o\n7\n${root.slice(0, -2)}${
      String.fromCharCode(root.charCodeAt(42) + 1)
    }=\n`,
    "a wrong empty root": `o\n0\n${root}\n`,
  };
  for (const [what, body] of Object.entries(bad)) {
    assert.throws(() => parseCheckpoint(body), MALFORMED, what);
  }
  parseCheckpoint(`o\n0\n${toBase64(emptyRoot())}\n`);
  assert.throws(() => encodeCheckpoint({ origin: "a\nb", size: 7, root: ROOT }), /^Error: bug:/);
  assert.throws(() => encodeCheckpoint({ origin: "a", size: 0.5, root: ROOT }), /^Error: bug:/);
});

Deno.test("a checkpoint opens for its origin, signed by its log", async () => {
  const [log, witness, other] = [await keyOf(ORIGIN), await keyOf("w.example"), await keyOf("o")];
  const verifiers = [log.verifier, witness.verifier, other.verifier];
  const note = await signNote(BODY, [log.signer, witness.signer]);
  const opened = await openCheckpoint(note, ORIGIN, verifiers);
  assert.equal(opened.size, 7);
  assert.deepEqual(opened.root, ROOT);
  assert.deepEqual(opened.note.signatures.map(({ name }) => name), [ORIGIN, "w.example"]);

  await assert.rejects(openCheckpoint(note, "o", verifiers), BAD_NOTE);
  await assert.rejects(openCheckpoint(note, ORIGIN, []), BAD_NOTE);
  const witnessed = await signNote(BODY, [witness.signer]);
  await assert.rejects(openCheckpoint(witnessed, ORIGIN, verifiers), BAD_NOTE);
  const stolen = await signNote(BODY, [other.signer]);
  await assert.rejects(openCheckpoint(stolen, "o", verifiers), MALFORMED);
  const extended = await signNote(`${BODY}extension\n`, [log.signer]);
  await assert.rejects(openCheckpoint(extended, ORIGIN, verifiers), MALFORMED);
});

Deno.test("a decimal has one spelling", () => {
  assert.equal(parseDecimal("0"), 0);
  assert.equal(parseDecimal("9007199254740991"), Number.MAX_SAFE_INTEGER);
  for (const text of ["", "00", "-0", "9007199254740992", "9999999999999999", "1\n", "١"]) {
    assert.equal(parseDecimal(text), null, text);
  }
});
