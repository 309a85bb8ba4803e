/**
 * Where a new device meets an old one: a slot that the new one opens, and both write to.
 *
 * The new device has no account yet, so knowing the slot's name is all that it takes; nobody finds a
 * name that they were not given. What a slot holds is sealed for the devices. Slots are few and small,
 * and over in minutes: they begin at a rate, and each is asked for at a rate. The service does not know
 * from where it is asked, so neither rate is anybody's own.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import {
  type LinkMessage,
  type LinkSide,
  type LinkSlot,
  readLinkMessages,
  readSlot,
  writeLinkMessage,
} from "../kv/links.ts";
import {
  LINK_ASK_BURST,
  LINK_ASK_REFILL_MS,
  LINK_BURST,
  LINK_REFILL_MS,
  LINK_TTL_MS,
  MAX_LINK_MESSAGES,
} from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { type KeyedBuckets, keyedBuckets, tokenBucket } from "./token_bucket.ts";

/** The meetings of one process. */
export interface Links {
  /**
   * Writes a message; the new device's first one opens the slot. The same message again changes nothing.
   *
   * @throws ServiceError `link_gone`, `link_conflict`, `rate_limited`
   * @throws StoreError
   */
  write(message: LinkMessage): Promise<void>;
  /**
   * A side's messages from the n-th on.
   *
   * @throws ServiceError `link_gone`, `rate_limited`
   * @throws StoreError
   */
  read(slot: Bytes, side: LinkSide, after: number): Promise<readonly Bytes[]>;
  /** How often each slot is asked for, by its name in hexadecimal. */
  readonly asking: KeyedBuckets;
}

/** No device meets another yet. */
export function openLinks(ctx: Pick<Context, "kv" | "now">): Links {
  const opening = tokenBucket({ burst: LINK_BURST, refillMs: LINK_REFILL_MS }, ctx.now());
  // Of slots that there are, so that it holds no more than began lately.
  const asking = keyedBuckets({ burst: LINK_ASK_BURST, refillMs: LINK_ASK_REFILL_MS });

  /** A slot that is asked for no more often than two devices do, or null. */
  async function slotFor(slot: Bytes, nowMs: number): Promise<LinkSlot | null> {
    const held = await readSlot(ctx.kv, slot, nowMs);
    if (held !== null && !asking.take(toHex(slot), nowMs)) {
      throw new ServiceError("rate_limited", "These devices ask too often: try again later");
    }
    return held;
  }

  async function write(message: LinkMessage): Promise<void> {
    const { slot, side, n } = message;
    const nowMs = ctx.now();
    if (n >= MAX_LINK_MESSAGES) {
      throw new ServiceError("link_conflict", "The devices have said all that they may");
    }
    const opens = await slotFor(slot, nowMs) === null;
    if (opens && (side !== "new" || n !== 0)) throw gone();
    if (opens && !opening.take(nowMs)) {
      throw new ServiceError("rate_limited", "Too many devices are being linked: try again later");
    }
    const until = opens ? nowMs + LINK_TTL_MS : null;
    const outcome = await writeLinkMessage(ctx.kv, message, until, nowMs);
    if (outcome === "no_slot") throw gone();
    if (outcome === "conflict") {
      throw new ServiceError("link_conflict", "Another message stands in this place");
    }
  }

  async function read(slot: Bytes, side: LinkSide, after: number): Promise<readonly Bytes[]> {
    const held = await slotFor(slot, ctx.now());
    if (held === null) throw gone();
    return await readLinkMessages(ctx.kv, slot, side, after, held.counts[side]);
  }

  return { write, read, asking };
}

function gone(): ServiceError {
  return new ServiceError("link_gone", "No device waits here, or no longer");
}
