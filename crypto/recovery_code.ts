/**
 * The recovery code: the secret half of an account's recovery key, as text for paper.
 *
 *     code = base32(seed[32] || check[3]) in 14 groups of four
 *     check = SHA-256("recovery-code" || seed)[0..3)
 *     key   = the Ed25519 key of the seed; the account's record holds SHA-256 of its public half
 *
 * A typing error passes the check once in 16 million times, and opens nothing then. The code names no
 * account: whoever finds it has to know whose it is.
 *
 * @module
 */

import { fromBase32, toBase32 } from "./base32.ts";
import { type Bytes, concat, equal } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type SigningKeyPair } from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519FromSeed, randomBytes, sha256 } from "./primitives.ts";

const SEED_BYTES = 32;
const CHECK_BYTES = 3;

/** A fresh code. */
export function newRecoveryCode(): string {
  const seed = randomBytes(SEED_BYTES);
  return toBase32(concat(seed, checkOf(seed)));
}

/**
 * The recovery key of a code that somebody typed; spaces, dashes and case do not matter.
 *
 * @throws CryptoError `malformed`
 */
export async function openRecoveryCode(text: string): Promise<SigningKeyPair> {
  const bytes = fromBase32(text);
  if (bytes === null || bytes.length !== SEED_BYTES + CHECK_BYTES) {
    throw malformed("A recovery code has 14 groups of four letters and digits");
  }
  const seed = bytes.slice(0, SEED_BYTES);
  if (!equal(checkOf(seed), bytes.subarray(SEED_BYTES))) {
    throw malformed("The recovery code has a typing error");
  }
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}

/** What an account's record holds of its recovery key. */
export function recoveryHash({ publicKey }: Pick<SigningKeyPair, "publicKey">): Bytes {
  return sha256(publicKey);
}

function checkOf(seed: Bytes): Bytes {
  return sha256(labelled("recovery-code", seed)).slice(0, CHECK_BYTES);
}

function malformed(sentence: string): CryptoError {
  return new CryptoError("malformed", sentence);
}
