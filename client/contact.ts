/**
 * A contact: the pin of a person, which is the record that was last believed, and how far a chain is
 * followed from it.
 *
 * A record that the one before signed is followed silently. One that only the operator vouches for (a
 * reset) is not: the person stays who they were until the user confirms the new identity, or until the
 * old devices have had three days to object.
 *
 * @module
 */

import { type AccountId, type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type KnownRecord, type ShownVersion } from "../crypto/lookup.ts";
import {
  decodeRecord,
  recordHash,
  type RecordKind,
  type VerifiedRecord,
} from "../crypto/record.ts";
import { RESET_DELAY_MS } from "../wire/limits.ts";
import { type Cell, cell, keep } from "./cell.ts";
import { ClientError } from "./error.ts";
import { type Changes } from "./store.ts";

/**
 * How far somebody is believed. `consistent`: the log proves the keys, and nobody has checked whose they
 * are. `verified`: the user compared them with the person. To be shown loudly: `changed`, the user had verified
 * them, and there is another identity since; `mismatch`, the user compared, and it was not the same.
 */
export type Standing = "consistent" | "verified" | "changed" | "mismatch";

/** What a user found out about a person. */
export type Verdict = {
  /** What it is. */
  readonly standing: Exclude<Standing, "consistent">;
  /** Since when, Unix milliseconds. */
  readonly sinceMs: number;
};

/** What a client remembers about a person. */
export type Pin = {
  /** The SignedRecord that is believed. */
  readonly record: Bytes;
  /** Where that is a reset, the record before it: its devices may still object. */
  readonly before: Bytes | null;
  /** What was shown of the record's ladder. */
  readonly shown: readonly ShownVersion[];
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** The highest prekey set number seen of each device. */
  readonly setNumbers: Readonly<Record<string, number>>;
  /** A newer identity that waits to be believed, or null. */
  readonly contested: {
    /** `recordHash` of the record it came with. */
    readonly hash: Bytes;
    /** When it was first seen, Unix milliseconds. */
    readonly sinceMs: number;
  } | null;
  /** What the user found out about them, or null; a pin of before there were any has none. */
  readonly verdict?: Verdict | null;
};

/** A verified person. */
export interface Contact {
  /** The proven record. */
  readonly record: VerifiedRecord;
  /** When the person was first seen, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** Whether this is the first time. */
  readonly isNew: boolean;
  /** What changed since the last time, oldest first. */
  readonly changes: readonly RecordKind[];
  /** What is remembered of them. */
  readonly pin: Pin;
}

/** A person, or one who waits to be believed: what is remembered is kept in either case. */
export type Meeting = Contact | Waiting;

/** A person whose new identity waits to be believed. */
export interface Waiting {
  /** What is remembered of them. */
  readonly pin: Pin;
  /** The record that the new identity came with. */
  readonly contested: VerifiedRecord;
}

/** What a pin says that is known of a person. */
export function knownBy(account: AccountId, { record: bytes, before, shown }: Pin): KnownRecord {
  const contesting = before === null ? [] : decodeRecord(before).devices;
  const record = { ...decodeRecord(bytes), account, hash: recordHash(bytes), bytes, contesting };
  return { record, shown };
}

/** Where a person's pin is kept. */
export function pinOf(label: AccountLabel): Cell<Pin> {
  return cell(`pin/${label}`);
}

/** Whom this client has pinned. */
export const CONTACTS = cell<readonly AccountLabel[]>("contacts");

/**
 * Follows a person from the pin there may be along the chain that was proved.
 *
 * @param current the newest record @param chain all records after the pinned one
 */
export function meet(
  pin: Pin | null,
  current: KnownRecord,
  chain: readonly VerifiedRecord[],
  nowMs: number,
): Meeting {
  const isNew = pin === null;
  const firstSeenMs = pin?.firstSeenMs ?? nowMs;
  const changes = isNew ? [] : chain.map(({ kind }) => kind);
  const contested = isNew ? null : newIdentity(chain);
  if (pin !== null && contested !== null) {
    const isSame = pin.contested !== null && equal(pin.contested.hash, contested.hash);
    const sinceMs = isSame ? pin.contested!.sinceMs : nowMs;
    if (nowMs - sinceMs < RESET_DELAY_MS) {
      return { pin: { ...pin, contested: { hash: contested.hash, sinceMs } }, contested };
    }
  }
  const { record, shown } = current;
  const next: Pin = {
    record: record.bytes,
    before: record.kind === "reset" ? beforeReset(pin, chain) : null,
    shown,
    firstSeenMs,
    setNumbers: pin?.setNumbers ?? {},
    contested: null,
    verdict: contested === null ? pin?.verdict ?? null : outlived(pin?.verdict, nowMs),
  };
  return { record, firstSeenMs, isNew, changes, pin: next };
}

/**
 * The record that brought the newest identity of a chain that nobody known vouches for, or null.
 *
 * A cancel takes back the one reset right before it, and no other. Where that one was believed already, it
 * is the cancel that brings somebody else.
 */
function newIdentity(chain: readonly VerifiedRecord[]): VerifiedRecord | null {
  const standing: VerifiedRecord[] = [];
  for (const record of chain) {
    const isBack = record.kind === "cancel" && standing.pop() !== undefined;
    if (record.kind === "reset" || record.kind === "cancel" && !isBack) standing.push(record);
  }
  return standing.at(-1) ?? null;
}

/** What is left of a verdict under a new identity that is believed: that somebody else was verified. */
function outlived(verdict: Verdict | null | undefined, nowMs: number): Verdict | null {
  const wasVerified = verdict?.standing === "verified" || verdict?.standing === "changed";
  return wasVerified ? { standing: "changed", sinceMs: nowMs } : null;
}

/** How far somebody is believed, as their pin says. */
export function standingOf({ verdict }: Pin): Standing {
  return verdict?.standing ?? "consistent";
}

/** The record before a chain's last one. */
function beforeReset(pin: Pin | null, chain: readonly VerifiedRecord[]): Bytes | null {
  if (chain.length === 0) return pin?.before ?? null;
  return chain.at(-2)?.bytes ?? pin?.record ?? null;
}

/** Says that a new identity waits, and which. */
export function identityChanged(hash: Bytes): ClientError {
  return new ClientError(
    "identity_changed",
    "The service gave this name to another identity: ask the person before you believe it",
    { identity: toBase64Url(hash) },
  );
}

/** The changes that keep a pin, and its name among the contacts. */
export function pinning(
  label: AccountLabel,
  pin: Pin,
  contacts: readonly AccountLabel[] | null,
): Changes {
  const known = contacts ?? [];
  const listed = known.includes(label) ? {} : keep(CONTACTS, [...known, label]);
  return { ...keep(pinOf(label), pin), ...listed };
}

/** Set numbers are noted beside lookups, and never go back. */
export function numbersOf(pin: Pin | null): Pick<Pin, "setNumbers"> | Record<string, never> {
  return pin === null ? {} : { setNumbers: pin.setNumbers };
}

/** Whether nothing was decided about a person meanwhile. */
export function isSamePin(a: Pin | null, b: Pin | null): boolean {
  if (a === null || b === null) return a === b;
  return equal(a.record, b.record) && a.contested?.sinceMs === b.contested?.sinceMs &&
    a.verdict?.sinceMs === b.verdict?.sinceMs && standingOf(a) === standingOf(b);
}
