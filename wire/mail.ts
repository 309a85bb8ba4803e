/**
 * The JSON of mailboxes: `GET /v1/mailbox` and `POST /v1/messages/{label}`.
 *
 * @module
 */

import { type MailFrame, type RingFrame } from "./frames.ts";

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
