import assert from "node:assert/strict";
import { toBase64 } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { MAX_NOTE_BYTES } from "../../crypto/note.ts";
import {
  formatTlogProof,
  MAX_EXTRA_BYTES,
  MAX_INCLUSION_HASHES,
  parseTlogProof,
  type TlogProof,
} from "../../crypto/proof.ts";
import { checkInclusion, inclusionOf, leafHash, rootOf } from "../../crypto/tree.ts";

const LEAVES = [0, 1, 2, 3, 4].map((n) => leafHash(Uint8Array.of(n)));
const CHECKPOINT = `o\n5\n${toBase64(rootOf(LEAVES))}\n\n— o AAAAAAE=\n`;
const PROOF: TlogProof = {
  extra: utf8("age"),
  index: 3,
  hashes: inclusionOf(LEAVES, 3),
  checkpoint: CHECKPOINT,
};

Deno.test("a proof's text is that of tlog-proof", () => {
  const lines = PROOF.hashes.map((hash) => `${toBase64(hash)}\n`).join("");
  assert.equal(
    formatTlogProof(PROOF),
    `c2sp.org/tlog-proof@v1\nextra YWdl\nindex 3\n${lines}\n${CHECKPOINT}`,
  );
  assert.equal(
    formatTlogProof({ extra: null, index: 0, hashes: [], checkpoint: CHECKPOINT }),
    `c2sp.org/tlog-proof@v1\nindex 0\n\n${CHECKPOINT}`,
  );
});

Deno.test("a proof round-trips and still proves", () => {
  const proofs: TlogProof[] = [
    PROOF,
    { ...PROOF, extra: null },
    { ...PROOF, extra: new Uint8Array(0) },
    { ...PROOF, extra: new Uint8Array(MAX_EXTRA_BYTES).fill(255) },
    { ...PROOF, hashes: [] },
    { ...PROOF, hashes: Array(MAX_INCLUSION_HASHES).fill(LEAVES[0]) },
    { ...PROOF, index: Number.MAX_SAFE_INTEGER },
    { ...PROOF, checkpoint: `a\n\nb\n${CHECKPOINT}` },
  ];
  for (const proof of proofs) assert.deepEqual(parseTlogProof(formatTlogProof(proof)), proof);
  const { index, hashes } = parseTlogProof(formatTlogProof(PROOF));
  checkInclusion(index, 5, LEAVES[3]!, hashes, rootOf(LEAVES));
});

Deno.test("a text in any other form is refused", () => {
  const text = formatTlogProof(PROOF);
  const first = toBase64(PROOF.hashes[0]!);
  const bad: Record<string, string> = {
    "nothing": "",
    "another version": text.replace("@v1", "@v2"),
    "a leading line": `\n${text}`,
    "carriage returns": text.replaceAll("\n", "\r\n"),
    "no index": text.replace("index 3\n", ""),
    "no blank line": text.replaceAll("\n\n", "\n"),
    "no checkpoint": text.slice(0, text.indexOf("\n\n") + 2),
    "extra behind the index": text.replace("extra YWdl\nindex 3", "index 3\nextra YWdl"),
    "extra twice": text.replace("extra YWdl\n", "extra YWdl\nextra YWdl\n"),
    "extra that is not base64": text.replace("YWdl", "YW*l"),
    "extra of another spelling": text.replace("YWdl", "YWd="),
    "extra with a space": text.replace("YWdl", " YWdl"),
    "an index with a leading zero": text.replace("index 3", "index 03"),
    "an index of 2^53": text.replace("index 3", "index 9007199254740992"),
    "a negative index": text.replace("index 3", "index -3"),
    "a short hash": text.replace(first, first.slice(4)),
    "a hash of another spelling": text.replace(first, `${first.slice(0, -1)}A`),
    "two hashes on a line": text.replace(`${first}\n`, first),
    "too many hashes": text.replace(
      `${first}\n`,
      `${first}\n`.repeat(MAX_INCLUSION_HASHES + 1),
    ),
    "too much extra": text.replace("YWdl", "A".repeat(MAX_EXTRA_BYTES / 3 * 4 + 8 >> 2 << 2)),
    "too long": text + "x".repeat(2 ** 20),
  };
  for (const [what, altered] of Object.entries(bad)) {
    assert.notEqual(altered, text, what);
    assert.throws(() => parseTlogProof(altered), { code: "malformed" }, what);
  }
});

Deno.test("a proof that could not be read back is a bug to write", () => {
  const bug = /^Error: bug:/;
  assert.throws(() => formatTlogProof({ ...PROOF, index: -1 }), bug);
  assert.throws(() => formatTlogProof({ ...PROOF, hashes: [new Uint8Array(31)] }), bug);
  assert.throws(() => formatTlogProof({ ...PROOF, checkpoint: "" }), bug);
  const long = "x".repeat(MAX_NOTE_BYTES + 1);
  assert.throws(() => formatTlogProof({ ...PROOF, checkpoint: long }), bug);
  assert.throws(
    () => formatTlogProof({ ...PROOF, extra: new Uint8Array(MAX_EXTRA_BYTES + 1) }),
    bug,
  );
});
