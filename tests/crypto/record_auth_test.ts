import assert from "node:assert/strict";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { sha256 } from "../../crypto/primitives.ts";
import {
  formatRecordAuth,
  oidcNonce,
  parseRecordAuth,
  type RecordAuth,
  subjectHash,
} from "../../crypto/record_auth.ts";

const ISSUER = "https://id.example";
const AUTH: RecordAuth = { method: "oidc", issuer: ISSUER, subjectHash: subjectHash(ISSUER, "42") };

Deno.test("how an owner was authenticated comes back as it was", () => {
  const grant: RecordAuth = { ...AUTH, method: "grant" };
  for (const auth of [AUTH, grant, null]) {
    assert.deepEqual(parseRecordAuth(formatRecordAuth(auth)), auth);
  }
  assert.equal(formatRecordAuth(null).length, 0);
  // By hand: method, issuer behind its length, hash.
  const expected = concat(Uint8Array.of(2, ISSUER.length), utf8(ISSUER), AUTH.subjectHash);
  assert.deepEqual(formatRecordAuth(AUTH), expected);
});

Deno.test("an authentication of another form is refused", () => {
  const good = formatRecordAuth(AUTH);
  const bad = {
    "no method": Uint8Array.of(0, ...good.slice(1)),
    "an unknown method": Uint8Array.of(3, ...good.slice(1)),
    "no issuer": concat(Uint8Array.of(2, 0), AUTH.subjectHash),
    "an issuer that is no text": Uint8Array.of(2, 1, 0xff, ...AUTH.subjectHash),
    "a byte too few": good.slice(0, -1),
    "a byte too many": concat(good, Uint8Array.of(0)),
  };
  for (const [what, field] of Object.entries(bad)) {
    assert.throws(
      () => parseRecordAuth(field),
      (error) => error instanceof CryptoError && error.code === "malformed",
      what,
    );
  }
});

Deno.test("a subject's hash names issuer and subject apart, in this protocol's own domain", () => {
  const label = concat(utf8("countersign/1 auth-subject"), Uint8Array.of(0));
  const body = concat(Uint8Array.of(1), utf8("a"), Uint8Array.of(2), utf8("bc"));
  assert.equal(toHex(subjectHash("a", "bc")), toHex(sha256(label, body)));
  assert.notEqual(toHex(subjectHash("ab", "c")), toHex(subjectHash("a", "bc")));
});

Deno.test("the nonce of an ID token names the device's key", async () => {
  const [one, two] = await Promise.all([generateSigningKeyPair(), generateSigningKeyPair()]);
  const label = concat(utf8("countersign/1 oidc-nonce"), Uint8Array.of(0));
  assert.deepEqual(oidcNonce(one.publicKey), sha256(label, one.publicKey));
  assert.notDeepEqual(oidcNonce(one.publicKey), oidcNonce(two.publicKey));
});
