/**
 * What waits in a mailbox, as its device finds it: rings, missed calls, and sealed messages.
 *
 * @module
 */

import { type MailEntry } from "../kv/mailbox.ts";
import { type MailWire } from "../wire/mail.ts";

/** A ring that waits: what a `ring` frame carries besides its number. */
export interface StoredRing {
  readonly id: string;
  /** The caller's device. */
  readonly device: number;
  readonly common: string;
  readonly offer: string;
}

/** What a device finds in its mailbox. */
export type WaitingMail =
  | {
    readonly kind: "ring";
    readonly entry: string;
    readonly from: string;
    readonly ring: StoredRing;
  }
  | {
    readonly kind: "message" | "missed";
    readonly entry: string;
    readonly from: string;
    readonly sentMs: number;
    /** Base64url, or null for a missed call. */
    readonly ct: string | null;
  };

/** What an entry is to its device; nothing where a message is no longer kept. @param text what is kept of it */
export function mailOf(entry: MailEntry, text: string | null): readonly WaitingMail[] {
  const { id, from, kind, sentMs } = entry;
  if (kind === "message") {
    return text === null ? [] : [{ kind, entry: id, from, sentMs, ct: text }];
  }
  if (text === null) return [{ kind: "missed", entry: id, from, sentMs, ct: null }];
  return [{ kind, entry: id, from, ring: JSON.parse(text) as StoredRing }];
}

/** An entry as the frame that brings it, without its number. */
export function mailFrameOf(waiting: WaitingMail): MailWire {
  const { entry, from } = waiting;
  if (waiting.kind === "ring") return { t: "ring", entry, from, ...waiting.ring };
  const { kind, sentMs, ct } = waiting;
  return { t: "mail", entry, kind, from, sent_ms: sentMs, ct };
}
