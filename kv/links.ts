/**
 * Meetings of a new device with an old one: a few sealed messages each way, for minutes.
 *
 *     ["link", slot[16]]                  -> LinkSlot
 *     ["link", slot[16], side, n]         -> the message's bytes
 *
 * A message is written once. The store forgets late, so the slot's own time decides; a slot is named
 * by whoever made its secret, and holds nothing that the service can read.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { answered } from "./store_error.ts";
import { type Decision, transact } from "./transact.ts";

/** Which of the two devices wrote. */
export type LinkSide = "new" | "old";

/** A meeting. */
export interface LinkSlot {
  /** When it is over, Unix milliseconds. */
  readonly expMs: number;
  /** How many messages each side has written. */
  readonly counts: Readonly<Record<LinkSide, number>>;
}

/** What became of a message. */
export type LinkWrite = "written" | "no_slot" | "conflict";

/** One message. */
export interface LinkMessage {
  readonly slot: Bytes;
  readonly side: LinkSide;
  /** Its place among the side's messages. */
  readonly n: number;
  readonly message: Bytes;
}

/** A meeting that is not over, or null. @throws StoreError */
export async function readSlot(kv: Deno.Kv, slot: Bytes, nowMs: number): Promise<LinkSlot | null> {
  const { value } = await answered(kv.get<LinkSlot>(["link", slot]));
  return value !== null && value.expMs > nowMs ? value : null;
}

/**
 * Writes the next message of a side; the same message again is the same write.
 *
 * @param opensUntilMs where the message opens the meeting: when that will be over; else null
 * @throws StoreError
 */
export function writeLinkMessage(
  kv: Deno.Kv,
  { slot, side, n, message }: LinkMessage,
  opensUntilMs: number | null,
  nowMs: number,
): Promise<LinkWrite> {
  const key = ["link", slot];
  const messageKey = [...key, side, n];
  return transact<LinkWrite>(kv, async (): Promise<Decision<LinkWrite>> => {
    const [row, written] = await answered(kv.getMany<[LinkSlot, Bytes]>([key, messageKey]));
    const isLive = row.value !== null && row.value.expMs > nowMs;
    if (!isLive && opensUntilMs === null) return { done: "no_slot" };
    const held: LinkSlot = isLive
      ? row.value
      : { expMs: opensUntilMs!, counts: { new: 0, old: 0 } };
    if (n < held.counts[side]) {
      const isSame = written.value !== null && equal(written.value, message);
      return { done: isSame ? "written" : "conflict" };
    }
    if (n > held.counts[side]) return { done: "conflict" };
    const expireIn = Math.max(1, held.expMs - nowMs);
    const value: LinkSlot = { ...held, counts: { ...held.counts, [side]: n + 1 } };
    return {
      checks: [{ key, versionstamp: row.versionstamp }],
      mutations: [
        { type: "set", key, value, expireIn },
        { type: "set", key: messageKey, value: message, expireIn },
      ],
      then: "written",
    };
  });
}

/** A side's messages from the n-th on. @throws StoreError */
export async function readLinkMessages(
  kv: Deno.Kv,
  slot: Bytes,
  side: LinkSide,
  after: number,
  count: number,
): Promise<readonly Bytes[]> {
  const places = Array.from({ length: Math.max(0, count - after) }, (_, i) => {
    return ["link", slot, side, after + i];
  });
  if (places.length === 0) return [];
  const rows = await answered(kv.getMany<Bytes[]>(places));
  return rows.flatMap(({ value }) => value === null ? [] : [value]);
}
