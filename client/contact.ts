/**
 * The people a client knows: each is pinned to the identity it was first seen with.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type Cell, cell, type Decision, keep } from "./cell.ts";
import { ClientError } from "./error.ts";

/** What a client remembers about a person. */
export type Pin = {
  /** The record's version. */
  readonly version: number;
  /** `recordHash` of the record. */
  readonly hash: Bytes;
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** The highest prekey set number seen. */
  readonly setNumber: number;
};

/** A verified person. */
export interface Contact {
  /** The proven record. */
  readonly record: VerifiedRecord;
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** Whether this is the first time. */
  readonly isNew: boolean;
}

/** Where a person's pin is kept. */
export function pinOf(label: AccountLabel): Cell<Pin> {
  return cell(`pin/${label}`);
}

/**
 * Compares a proven record with the pin there may be, and makes one where there is none.
 *
 * @throws ClientError `identity_changed`
 */
export function meet(record: VerifiedRecord, pin: Pin | null, nowMs: number): Decision<Contact> {
  const { account: { label }, version, hash } = record;
  if (pin === null) {
    return {
      changes: keep(pinOf(label), { version, hash, firstSeenMs: nowMs, setNumber: 0 }),
      result: { record, firstSeenMs: nowMs, isNew: true },
    };
  }
  if (pin.version !== version || !equal(pin.hash, hash)) {
    throw new ClientError("identity_changed", "This is not the identity that was seen before");
  }
  return { changes: {}, result: { record, firstSeenMs: pin.firstSeenMs, isNew: false } };
}
