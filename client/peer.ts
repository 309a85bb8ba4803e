/**
 * Somebody else, proven by the log, as an application sees them.
 *
 * @module
 */

import { type VerifiedRecord } from "../crypto/record.ts";
import { safetyNumber } from "../crypto/safety_number.ts";
import { type Contact } from "./contact.ts";

/** Somebody else, proven by the log. */
export interface Peer {
  /** Its label. */
  readonly label: string;
  /** When this client first saw it, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** Whether this is the first time. */
  readonly isNew: boolean;
  /** 60 digits that both sides see alike; reading them out rules out a man in the middle. */
  safetyNumber(): string;
}

/** A verified contact as an application sees it. */
export function peerOf(contact: Contact, self: VerifiedRecord): Peer {
  return {
    label: contact.record.account.label,
    firstSeenMs: contact.firstSeenMs,
    isNew: contact.isNew,
    safetyNumber: () => safetyNumber(self, contact.record),
  };
}
