/**
 * Mailboxes: rings and sealed messages for devices that are not there.
 *
 * A ring waits for a minute; what is left of it then is that somebody called. An entry is removed when a
 * device has acked it, and not before. Full is an error to the sender (`mailbox_space.ts`). The service
 * reads none of it.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { constantTimeEqual, randomBytes, sha256 } from "../crypto/primitives.ts";
import {
  changeMailbox,
  type MailboxRow,
  type MailEntry,
  readMailbox,
  readTexts,
} from "../kv/mailbox.ts";
import { type RingOffer } from "../wire/client_frames.ts";
import {
  CONTACT_BURST_PER_CALLEE,
  CONTACT_BURST_PER_PAIR,
  CONTACT_REFILL_PER_CALLEE_MS,
  CONTACT_REFILL_PER_PAIR_MS,
  MISSED_TTL_MS,
  RING_TTL_MS,
} from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { callOf, withSpace } from "./mailbox_space.ts";
import { pairCount } from "./pair_rate.ts";
import { mailOf, type StoredRing, type WaitingMail } from "./waiting_mail.ts";

/** A ring for the devices that are not there. */
export interface RingToStore {
  readonly from: AccountLabel;
  readonly device: number;
  readonly id: string;
  readonly common: string;
  readonly offers: readonly RingOffer[];
  /** Whether its devices may come in that minute. */
  readonly isWaiting: boolean;
  /** Whether it is a missed call where nobody took it. */
  readonly isNoted: boolean;
}

/** A message for a device, or for whichever comes first. */
export interface MessageToStore {
  readonly from: AccountLabel;
  /** The sender's key for a message that it may have sent before. */
  readonly id: string;
  readonly device: number | null;
  /** Base64url. */
  readonly ct: string;
  readonly ttlMs: number;
  /** What the recipient handed out, or null. */
  readonly deliveryToken: Bytes | null;
}

/** The mailboxes of a service. */
export interface Mailboxes {
  /**
   * Keeps a ring for a minute, for devices that may come, or that there was one for a day, or both.
   *
   * @throws ServiceError `mailbox_full` @throws StoreError
   */
  putRing(to: AccountLabel, ring: RingToStore): Promise<void>;
  /**
   * Keeps a message; one of the same sender and id is kept once. Answers the entry's name.
   *
   * @throws ServiceError `no_right_to_send`, `mailbox_full` @throws StoreError
   */
  putMessage(to: AccountLabel, message: MessageToStore): Promise<string>;
  /** What waits for a device, oldest first. @throws StoreError */
  waiting(account: AccountLabel, device: number): Promise<readonly WaitingMail[]>;
  /**
   * Removes what a device has taken in. A call that rang on one is missed on none.
   *
   * @param hasRung whether they were rings when the device heard of them; unless it is said, whether
   * they are now
   * @throws StoreError
   */
  remove(
    account: AccountLabel,
    device: number,
    entries: readonly string[],
    hasRung?: boolean,
  ): Promise<void>;
  /**
   * Hands out the right to write to this account: whoever shows the token; null takes it back.
   *
   * @throws StoreError
   */
  setDeliveryToken(account: AccountLabel, hash: Bytes | null): Promise<void>;
  /** Whether two accounts are in one room now; set by the relay. */
  shareRoom: ((one: AccountLabel, other: AccountLabel) => boolean) | null;
  /** Has somebody told whenever something is put into a mailbox. */
  listen(listener: (account: AccountLabel) => void): void;
  /** The same for the relay, which may be made anew; set by it. */
  onPut: ((account: AccountLabel) => void) | null;
}

/** Opens the mailboxes. */
export function openMailboxes(ctx: Pick<Context, "kv" | "now" | "metrics">): Mailboxes {
  const contacts = pairCount({
    pair: { burst: CONTACT_BURST_PER_PAIR, refillMs: CONTACT_REFILL_PER_PAIR_MS },
    callee: { burst: CONTACT_BURST_PER_CALLEE, refillMs: CONTACT_REFILL_PER_CALLEE_MS },
  });
  const { kv, metrics } = ctx;
  const listeners: ((account: AccountLabel) => void)[] = [];

  async function put(
    to: AccountLabel,
    texts: readonly { readonly entry: MailEntry; readonly text: string }[],
    allow: (row: MailboxRow) => void = () => {},
  ): Promise<void> {
    let kept: typeof texts = [];
    await changeMailbox(kv, to, ctx.now(), (row) => {
      // Also where it was this very call whose commit had an unknown result.
      const fresh = texts.filter(({ entry }) => !row.entries.some(({ id }) => id === entry.id));
      kept = fresh;
      if (fresh.length === 0) return null;
      allow(row);
      const entries = withSpace(row.entries, fresh.map(({ entry }) => entry), ctx.now());
      return { row: { ...row, entries }, texts: fresh.filter(({ entry }) => entry.size > 0) };
    });
    for (const { entry } of kept) metrics.count("mail", `${entry.kind}_stored`);
    for (const listener of listeners) listener(to);
    boxes.onPut?.(to);
  }

  const boxes: Mailboxes = {
    shareRoom: null,
    onPut: null,
    listen: (listener) => void listeners.push(listener),
    async putRing(to, { from, device, id, common, offers, isWaiting, isNoted }) {
      const sentMs = ctx.now();
      const untilMs = isWaiting ? sentMs + RING_TTL_MS : sentMs;
      // A call has a frame for each device, and the same in common.
      const call = toBase64Url(sha256(utf8(common)).slice(0, 16));
      await put(
        to,
        offers.map((offer) => {
          const ring: StoredRing = { id, device, common, offer: offer.offer };
          const text = isWaiting ? JSON.stringify(ring) : "";
          const entry: MailEntry = {
            id: freshId(),
            kind: "ring",
            from,
            device: offer.device,
            call,
            sentMs,
            untilMs,
            notedUntilMs: isNoted ? sentMs + MISSED_TTL_MS : untilMs,
            size: text.length,
          };
          return { entry, text };
        }),
      );
    },
    async putMessage(to, { from, id, device, ct, ttlMs, deliveryToken }) {
      const sentMs = ctx.now();
      const untilMs = sentMs + ttlMs;
      // Named by its sender and the sender's key: sent again it is the same entry.
      const name = toBase64Url(sha256(utf8(`${from} ${id}`)).slice(0, 16));
      const entry: MailEntry = {
        id: name,
        kind: "message",
        from,
        device,
        call: null,
        sentMs,
        untilMs,
        notedUntilMs: untilMs,
        size: ct.length,
      };
      let isAllowed = boxes.shareRoom?.(from, to) === true;
      await put(to, [{ entry, text: ct }], ({ deliveryHash }) => {
        isAllowed ||= holdsToken(deliveryToken, deliveryHash) || contacts.take(from, to, sentMs);
        if (!isAllowed) {
          throw new ServiceError("no_right_to_send", "The account takes no more from strangers");
        }
      });
      return name;
    },
    async waiting(account, device) {
      const nowMs = ctx.now();
      const { entries } = await readMailbox(kv, account, nowMs);
      const ours = entries.filter((entry) => entry.device === null || entry.device === device);
      const good = ours.filter(({ untilMs }) => untilMs > nowMs).map(({ id }) => id);
      const texts = await readTexts(kv, account, good);
      const textOf = new Map(good.map((id, i) => [id, texts[i]!]));
      return ours.flatMap((entry) => mailOf(entry, textOf.get(entry.id) ?? null));
    },
    async remove(account, device, ids, hasRung) {
      const nowMs = ctx.now();
      let removed = 0;
      await changeMailbox(kv, account, nowMs, (row) => {
        const taken = row.entries.filter((entry) => {
          return ids.includes(entry.id) && (entry.device === null || entry.device === device);
        });
        removed = taken.length;
        if (removed === 0) return null;
        const rung = taken.filter((entry) => hasRung ?? isRinging(entry, nowMs));
        const calls = new Set(rung.map((entry) => callOf(entry)));
        const entries = row.entries.filter((entry) => !taken.includes(entry)).map((entry) => {
          // It rang somewhere: on the other devices it is no missed call.
          const isSameCall = entry.call !== null && calls.has(callOf(entry));
          return isSameCall ? { ...entry, notedUntilMs: entry.untilMs } : entry;
        }).filter(({ notedUntilMs }) => notedUntilMs > nowMs);
        return { row: { ...row, entries }, texts: [] };
      });
      metrics.add("mail", removed, "removed");
    },
    async setDeliveryToken(account, hash) {
      await changeMailbox(kv, account, ctx.now(), (row) => {
        return { row: { ...row, deliveryHash: hash }, texts: [] };
      });
    },
  };
  return boxes;
}

/** Whether it is a ring still, and not the note of one. */
function isRinging({ kind, size, untilMs }: MailEntry, nowMs: number): boolean {
  return kind === "ring" && size > 0 && untilMs > nowMs;
}

function holdsToken(token: Bytes | null, hash: Bytes | null): boolean {
  return token !== null && hash !== null && constantTimeEqual(sha256(token), hash);
}

function freshId(): string {
  return toBase64Url(randomBytes(16));
}
