/**
 * The JSON of mailboxes: `GET /v1/mailbox` and `POST /v1/messages/{label}`.
 *
 * @module
 */

import { type MailFrame, type MailKind, type RingFrame } from "./frames.ts";
import { asArray, asCount, asObject, asOneOf, asText } from "./json.ts";
import { MAX_MAILBOX_ENTRIES } from "./limits.ts";

/** One entry: what the frame `ring` or `mail` carries, without a number. */
export type MailWire =
  | Omit<MailFrame, "seq">
  | (Omit<RingFrame, "seq"> & { readonly entry: string });

/** The answer to `GET /v1/mailbox`. */
export interface MailboxWire {
  /** Oldest first; ring and message alike stay until they are removed. */
  readonly entries: readonly MailWire[];
}

/** The answer to `POST /v1/messages/{label}`. */
export interface MessageWire {
  /** Names the entry. */
  readonly entry: string;
}

/** What of an entry is of use without a socket: that it is there. */
export interface MailNote {
  readonly kind: "ring" | MailKind;
  /** Names the entry. */
  readonly entry: string;
  /** The sender's label, as the service says. */
  readonly from: string;
  /** When it came, Unix milliseconds; null for a ring, which came within the last minute. */
  readonly sentMs: number | null;
}

/** Reads what `GET /v1/mailbox` answers. @throws WireError */
export function mailNotesFromWire(value: unknown): readonly MailNote[] {
  const { entries } = asObject(value, "a mailbox");
  return asArray(entries, "entries", MAX_MAILBOX_ENTRIES).map((one) => {
    const entry = asObject(one, "an entry");
    const isRing = asOneOf(entry.t, ["ring", "mail"], "t") === "ring";
    return {
      kind: isRing ? "ring" : asOneOf(entry.kind, ["message", "missed"], "kind"),
      entry: asText(entry.entry, "entry"),
      from: asText(entry.from, "from"),
      sentMs: isRing ? null : asCount(entry.sent_ms, "sent_ms"),
    };
  });
}
