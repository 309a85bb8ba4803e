import assert from "node:assert/strict";
import { concat } from "../../crypto/bytes.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import {
  type BatchPair,
  decodeBatch,
  decodeConfig,
  decodeEpochRoot,
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
  MAX_BATCH,
} from "../../crypto/log_entry.ts";

const MALFORMED = { code: "malformed" };
const [vrf, operator] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
const config = {
  vrfPublicKey: vrf.publicKey,
  operatorKey: operator.publicKey,
  origin: "countersign.example/kt/1",
  maxBatch: 128,
  createdMs: 1_790_000_000_000,
};
const root = { timestampMs: 1_790_000_000_000, prefixRoot: new Uint8Array(32).fill(1) };

function pairs(count: number): BatchPair[] {
  return Array.from({ length: count }, (_, i) => ({
    vrfOutput: new Uint8Array(32).fill(i),
    commitment: new Uint8Array(32).fill(255 - i),
  }));
}

Deno.test("the three kinds of entry come back as they were, in their exact lengths", () => {
  assert.deepEqual(decodeConfig(encodeConfig(config)), config);
  assert.equal(encodeConfig(config).length, 1 + 2 + 32 + 32 + 1 + 24 + 2 + 8 + 1);
  assert.deepEqual(decodeEpochRoot(encodeEpochRoot(root)), root);
  assert.equal(encodeEpochRoot(root).length, 41);
  for (const count of [1, 2, MAX_BATCH]) {
    assert.deepEqual(decodeBatch(encodeBatch(pairs(count))), pairs(count));
    assert.equal(encodeBatch(pairs(count)).length, 3 + 64 * count);
  }
});

Deno.test("an entry cut short, extended or of another kind is refused", () => {
  const kinds = [
    [encodeConfig(config), decodeConfig],
    [encodeBatch(pairs(2)), decodeBatch],
    [encodeEpochRoot(root), decodeEpochRoot],
  ] as const;
  for (const [entry, decode] of kinds) {
    for (let length = 0; length < entry.length; length++) {
      assert.throws(() => decode(entry.slice(0, length)), MALFORMED, `${length} bytes`);
    }
    assert.throws(() => decode(concat(entry, Uint8Array.of(0))), MALFORMED);
    const others = kinds.map(([, other]) => other).filter((other) => other !== decode);
    for (const other of others) assert.throws(() => other(entry), MALFORMED);
  }
});

Deno.test("a BATCH is strictly ascending, not empty, and has at most 128 pairs", () => {
  const [a, b] = pairs(2) as [BatchPair, BatchPair];
  for (const bad of [[], [b, a], [a, a], pairs(MAX_BATCH + 1)]) {
    assert.throws(() => decodeBatch(encodeBatch(bad)), MALFORMED, `${bad.length} pairs`);
  }
});

Deno.test("a CONFIG with bad keys, no origin, or an origin that is no text is refused", () => {
  const entry = encodeConfig(config);
  for (const at of [3, 35]) {
    const copy = Uint8Array.from(entry);
    copy.fill(0, at, at + 32);
    assert.throws(() => decodeConfig(copy), { code: "bad_key" });
  }
  assert.throws(() => decodeConfig(encodeConfig({ ...config, origin: "" })), MALFORMED);
  const copy = Uint8Array.from(entry);
  copy[70] = 0xff;
  assert.throws(() => decodeConfig(copy), MALFORMED);
  const successor = Uint8Array.from(entry);
  successor[entry.length - 1] = 1;
  assert.throws(() => decodeConfig(successor), MALFORMED);
  const suite = Uint8Array.from(entry);
  suite[2] = 2;
  assert.throws(() => decodeConfig(suite), MALFORMED);
});
