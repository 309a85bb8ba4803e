/**
 * A request that its client may send again without its being done again
 * (draft-ietf-httpapi-idempotency-key-header).
 *
 * What was answered is kept for a day and answered again. A refusal changed nothing, so it is not kept,
 * and the key is free for another try. Where the process ends in the middle, nobody knows whether it
 * was done; the key is free again when nothing can be under way any more.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, toHex, utf8 } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { claimKey, type KeptAnswer, settleKey } from "../kv/idempotency.ts";
import {
  IDEMPOTENCY_BURST,
  IDEMPOTENCY_REFILL_MS,
  IDEMPOTENCY_TTL_MS,
  REQUEST_TIMEOUT_MS,
} from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { keyedBuckets } from "./token_bucket.ts";

/** A request with its key. */
export interface KeyedRequest {
  /** Whose it is. */
  readonly account: AccountLabel;
  /** What is asked to be done, by the operation's name. */
  readonly operation: string;
  /** The client's key. */
  readonly key: string;
  /** SHA-256 of the request. */
  readonly request: Bytes;
}

/** Does requests once. */
export interface Idempotency {
  /**
   * Does what is asked, or answers what was answered before.
   *
   * @throws ServiceError `idempotency_mismatch`, `idempotency_in_flight`, `rate_limited` where the account
   * uses too many keys, and what `act` throws
   * @throws StoreError
   */
  once(request: KeyedRequest, act: () => Promise<KeptAnswer>): Promise<KeptAnswer>;
}

/** Does requests once; the answers are in the store. */
export function openIdempotency({ kv, now }: Pick<Context, "kv" | "now">): Idempotency {
  const using = keyedBuckets({ burst: IDEMPOTENCY_BURST, refillMs: IDEMPOTENCY_REFILL_MS });
  return {
    async once({ account, operation, key, request }, act) {
      if (!using.take(account, now())) {
        throw new ServiceError("rate_limited", "The account uses too many keys: try again later");
      }
      const scope = utf8([account, operation, key].join("\n"));
      const holder = { scope, id: toHex(randomBytes(16)) };
      // No request is under way for longer, so the key of one that broke off is not held for longer.
      const until = now() + 2 * REQUEST_TIMEOUT_MS;
      const claim = await claimKey(kv, holder, request, until, now());
      switch (claim.kind) {
        case "answered":
          return claim.answer;
        case "mismatch": {
          const message = "This Idempotency-Key was used for another request";
          throw new ServiceError("idempotency_mismatch", message);
        }
        case "in_flight": {
          const message = "The same request is under way: try again in a moment";
          throw new ServiceError("idempotency_in_flight", message);
        }
      }
      let answer: KeptAnswer;
      try {
        answer = await act();
      } catch (error) {
        await settleKey(kv, holder, null, until, now()).catch(() => {});
        throw error;
      }
      // It is done, whatever the store says of it; the key is held a while longer then.
      await settleKey(kv, holder, answer, now() + IDEMPOTENCY_TTL_MS, now()).catch(() => {});
      return answer;
    },
  };
}
