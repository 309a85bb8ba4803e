import { equal } from "node:assert/strict";
import { checkNonce, issueNonce } from "../../core/proof_nonce.ts";
import { Secret } from "../../crypto/secret.ts";

const key = new Secret(new Uint8Array(32).fill(1));
const NOW = 1_790_000_000_000;

Deno.test("a nonce is good for 60 seconds", () => {
  const nonce = issueNonce(key, NOW);
  equal(checkNonce(key, nonce, NOW), true);
  equal(checkNonce(key, nonce, NOW + 60_000), true);
  equal(checkNonce(key, nonce, NOW + 60_001), false);
});

Deno.test("a nonce of another service, a changed one and a second spelling are none", () => {
  const nonce = issueNonce(key, NOW);
  equal(checkNonce(new Secret(new Uint8Array(32).fill(2)), nonce, NOW), false);
  for (let i = 0; i < nonce.length; i++) {
    const other = nonce[i] === "A" ? "B" : "A";
    equal(checkNonce(key, nonce.slice(0, i) + other + nonce.slice(i + 1), NOW), false);
  }
  for (const text of ["", `${nonce}=`, `${nonce} `, nonce.slice(0, -1), `${nonce}A`]) {
    equal(checkNonce(key, text, NOW), false);
  }
});
