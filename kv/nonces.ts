/**
 * Values that may be used once, such as the `jti` of a proof of possession.
 *
 *     ["nonce", SHA-256(value)] -> { expMs, id }
 *
 * The store forgets late, by a minute and more, so the row's own time decides. A value is hashed
 * because others choose it, and keys are short.
 *
 * @module
 */

import { toHex, utf8 } from "../crypto/bytes.ts";
import { randomBytes, sha256 } from "../crypto/primitives.ts";
import { answered } from "./store_error.ts";
import { type Decision, transact } from "./transact.ts";

interface Use {
  readonly expMs: number;
  /** Tells one's own use from another's after a commit whose result was unknown. */
  readonly id: string;
}

/**
 * Uses a value up; false where somebody did before and it has not expired since.
 *
 * @param value what may be used once, in the scope that the caller wrote into it
 * @param expMs until when it stays used, Unix milliseconds
 * @throws StoreError
 */
export function takeOnce(
  kv: Deno.Kv,
  value: string,
  expMs: number,
  nowMs: number,
): Promise<boolean> {
  const key = ["nonce", sha256(utf8(value))];
  const id = toHex(randomBytes(16));
  const useAfter = (versionstamp: string | null): Decision<boolean> => {
    const expireIn = Math.max(1, expMs - nowMs);
    return {
      checks: [{ key, versionstamp }],
      mutations: [{ type: "set", key, value: { expMs, id }, expireIn }],
      then: true,
    };
  };
  let isTried = false;
  return transact<boolean>(kv, async (): Promise<Decision<boolean>> => {
    if (!isTried) {
      isTried = true;
      // Hardly any value comes twice, so it is read only where the commit says that it did.
      return useAfter(null);
    }
    const used = await answered(kv.get<Use>(key));
    if (used.value?.id === id) return { done: true };
    if (used.value !== null && used.value.expMs > nowMs) return { done: false };
    return useAfter(used.versionstamp);
  });
}
