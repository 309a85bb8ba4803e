import assert from "node:assert/strict";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { toHex } from "../../crypto/bytes.ts";
import { parseVerifierKey } from "../../crypto/note_key.ts";
import { Secret } from "../../crypto/secret.ts";
import { ORIGIN, testSecret } from "../support/service_core.ts";

async function publicKeys(secret: Secret, origin: string): Promise<string[]> {
  const keys = await deriveServiceKeys(secret, origin);
  const { logVerifierKey, operator, vrf, tokens, nonces, openings, vapid } = keys;
  const log = parseVerifierKey(logVerifierKey).publicKey;
  const publics = [log, operator.publicKey, vrf.publicKey, tokens.publicKey, vapid.publicKey];
  return [...publics, nonces.expose(), openings.expose()].map(toHex);
}

Deno.test("one secret and origin give the same keys, one for each purpose", async () => {
  const keys = await publicKeys(testSecret(), ORIGIN);
  assert.deepEqual(await publicKeys(testSecret(), ORIGIN), keys);
  assert.equal(new Set(keys).size, keys.length);
});

Deno.test("another origin or another secret shares no key", async () => {
  const keys = new Set(await publicKeys(testSecret(), ORIGIN));
  const others = [
    ...await publicKeys(testSecret(), "test.invalid/kt/2"),
    ...await publicKeys(testSecret(8), ORIGIN),
  ];
  for (const key of others) assert.ok(!keys.has(key));
});

Deno.test("a secret of another length and an origin that names no log are refused", async () => {
  await assert.rejects(deriveServiceKeys(new Secret(new Uint8Array(31)), ORIGIN), /32 bytes/);
  await assert.rejects(deriveServiceKeys(testSecret(), "two words"), { code: "malformed" });
});
