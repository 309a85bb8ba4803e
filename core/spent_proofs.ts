/**
 * Which DPoP proofs were used: each serves once.
 *
 * Where several processes may work on one store, it is the store that remembers. A process that is alone
 * remembers by itself, and a sign-in or a request writes nothing: what was used before it started can't
 * come again, because its nonces are under a key that no earlier process had.
 *
 * @module
 */

import { sha256 } from "../crypto/primitives.ts";
import { utf8 } from "../crypto/bytes.ts";
import { takeOnce } from "../kv/nonces.ts";
import { PROOF_TTL_MS } from "../wire/limits.ts";
import { ServiceError } from "./error.ts";

/** The proofs that were used. */
export interface SpentProofs {
  /**
   * Uses one up; false where it was used before.
   *
   * @param name tells it from all others
   * @throws ServiceError `unavailable` @throws StoreError
   */
  take(name: string, nowMs: number): Promise<boolean>;
}

/** Kept in the store, for as long as `iat` could pass. */
export function storedProofs(kv: Deno.Kv): SpentProofs {
  return {
    take: (name, nowMs) => takeOnce(kv, name, nowMs + 2 * PROOF_TTL_MS, nowMs),
  };
}

/** Most proofs that are remembered of one lifetime of a nonce: 8,000 a second, some 50 MB. */
const MAX_REMEMBERED = 480_000;
const NAME_BYTES = 16;

/** Kept in memory, for one to two lifetimes of a nonce. @param most of one lifetime */
export function rememberedProofs(most = MAX_REMEMBERED): SpentProofs {
  let newer = new Set<string>();
  let older = new Set<string>();
  let sinceMs = -Infinity;
  return {
    take(name, nowMs) {
      // A clock that leaps ahead and comes back lets no proof in again; one that is set back counts anew.
      if (nowMs < sinceMs) sinceMs = nowMs;
      if (nowMs - sinceMs >= PROOF_TTL_MS) {
        [older, newer] = [newer, new Set()];
        sinceMs = nowMs;
      }
      // Others choose names, and a hash is short.
      const hash = String.fromCharCode(...sha256(utf8(name)).subarray(0, NAME_BYTES));
      if (newer.has(hash) || older.has(hash)) return Promise.resolve(false);
      if (newer.size >= most) {
        const full = new ServiceError("unavailable", "Too many sign in at once: try again later");
        return Promise.reject(full);
      }
      newer.add(hash);
      return Promise.resolve(true);
    },
  };
}
