/**
 * Somebody else, proven by the log, as an application sees them.
 *
 * @module
 */

import { type RecordKind, type VerifiedRecord } from "../crypto/record.ts";
import { type AuthMethod, parseRecordAuth } from "../crypto/record_auth.ts";
import { safetyNumber } from "../crypto/safety_number.ts";
import { type Contact, type Standing, standingOf } from "./contact.ts";

/** Somebody else, proven by the log. */
export interface Peer {
  /** Its label. */
  readonly label: string;
  /** When this client first saw it, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** Whether this is the first time. */
  readonly isNew: boolean;
  /** What changed in their account since this client last looked, oldest first: show a reset. */
  readonly changes: readonly RecordKind[];
  /**
   * How the service's operator says that the owner showed who they are: by whose word, and of which kind;
   * null where anybody could take the name.
   */
  readonly vouchedBy: { readonly method: AuthMethod; readonly issuer: string } | null;
  /** How far they are believed, as of this look: show `changed` and `mismatch` loudly. */
  readonly standing: Standing;
  /** 60 digits that both sides see alike; reading them out rules out a man in the middle. */
  safetyNumber(): string;
}

/** A verified contact as an application sees it. */
export function peerOf(contact: Contact, self: VerifiedRecord): Peer {
  return {
    label: contact.record.account.label,
    firstSeenMs: contact.firstSeenMs,
    isNew: contact.isNew,
    changes: contact.changes,
    vouchedBy: vouchedBy(contact.record),
    standing: standingOf(contact.pin),
    safetyNumber: () => safetyNumber(self, contact.record),
  };
}

/** It is the operator's word alone: what can't be read says nothing. */
function vouchedBy({ auth }: VerifiedRecord): Peer["vouchedBy"] {
  try {
    const said = parseRecordAuth(auth);
    return said === null ? null : { method: said.method, issuer: said.issuer };
  } catch {
    return null;
  }
}
