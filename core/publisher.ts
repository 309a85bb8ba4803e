/**
 * The publisher: signs the committed head and makes it the one that clients are shown.
 *
 * It never signs a head that is smaller than one published before, or that does not extend it. Such
 * a head means that the store was rolled back or damaged: the publisher freezes, and nothing is
 * published or accepted until an operator has looked.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { encodeCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { signNote } from "../crypto/note.ts";
import { checkConsistency } from "../crypto/tree.ts";
import { type Head, readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { movePublished, type Published, readPublished } from "../kv/published.ts";
import { StoreError } from "../kv/store_error.ts";
import { ServiceError } from "./error.ts";
import { proveConsistency } from "./log_proof.ts";
import { type ServiceKeys } from "./service_keys.ts";

/** Publishes heads. */
export interface Publisher {
  /**
   * Publishes the committed head, unless it is published already.
   *
   * @throws ServiceError `unavailable` for good, once the log is frozen
   * @throws StoreError where the store does not say whether it took the head
   */
  publish(): Promise<Published>;
  /** Whether the log is frozen. */
  frozen(): boolean;
}

/** A size and its root. */
type TreeHead = Pick<Head, "size" | "root">;

const MAX_TRIES = 16;

/** A publisher of one log. @param report is given a sentence for the operator when it freezes */
export function createPublisher(
  log: LogStore,
  keys: Pick<ServiceKeys, "logSigner" | "logVerifierKey">,
  report: (sentence: string) => void,
): Publisher {
  let frozen: ServiceError | null = null;
  // Remembered, because a store that is rolled back under a running service forgets them.
  let shown: TreeHead | null = null;
  let signed: TreeHead | null = null;

  function freeze(why: string): ServiceError {
    report(`The log is frozen: ${why}`);
    frozen = new ServiceError("unavailable", "The log is frozen until its operator has looked");
    return frozen;
  }

  /** Requires that the tree at `to` is the tree at `from` with entries behind it. */
  async function requireExtends(from: TreeHead, to: TreeHead, what: string): Promise<void> {
    if (to.size < from.size) {
      throw freeze(`${what} has size ${to.size}, below ${from.size} that was published`);
    }
    if (to.size === from.size) {
      if (!equal(to.root, from.root)) throw freeze(`${what} has another root than was published`);
      return;
    }
    try {
      const proof = await proveConsistency(log, from.size, to.size);
      checkConsistency(from.size, from.root, to.size, to.root, proof);
    } catch (error) {
      // A tile that is too short, or hashes that lead elsewhere. What the store throws passes.
      if (!(error instanceof CryptoError)) throw error;
      throw freeze(`${what} of size ${to.size} does not extend size ${from.size}`);
    }
  }

  async function sign({ size, root }: TreeHead): Promise<Published> {
    const body = encodeCheckpoint({ origin: log.origin, size, root });
    const note = await signNote(body, [keys.logSigner]);
    return { size, root, note, verifierKey: keys.logVerifierKey };
  }

  async function publish(): Promise<Published> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (frozen !== null) throw frozen;
      // In this order: the head read later is never the smaller one, unless the store went back.
      const published = await readPublished(log);
      const head = (await readHead(log))?.value;
      if (head === undefined) throw freeze("the store has no head");
      if (shown !== null) {
        if (published === null) throw freeze("the published head is gone");
        await requireExtends(shown, published.value, "the published head");
      }
      if (published !== null) {
        await requireExtends(published.value, head, "the committed head");
        shown = published.value;
        if (head.size === shown.size) return published.value;
      }
      if (signed !== null && signed.size !== shown?.size) {
        await requireExtends(signed, head, "the committed head");
      }
      const next = await sign(head);
      signed = next;
      if (await movePublished(log, published, next)) {
        shown = next;
        return next;
      }
    }
    throw new StoreError("The store does not take the published head");
  }

  return { publish, frozen: () => frozen !== null };
}
