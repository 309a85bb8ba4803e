/**
 * Who says what in a room: whose key signed it, and whether anything is missing before it.
 *
 * An account's key is the one that the log proves; a guest's is the one that its name is the thumbprint
 * of. Where neither can be known (a guest can look nobody up, a backend's users have no key in their
 * name) the first key that speaks under a name keeps it.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import {
  type EnvelopeKind,
  judge,
  NEW_STREAM,
  type OpenEnvelope,
  openEnvelope,
  type RoomMessageKeys,
  type StreamSight,
} from "../crypto/room_envelope.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { type Member } from "../wire/frames.ts";
import { type Contact } from "./contact.ts";
import { ClientError, toClientError } from "./error.ts";
import { patiently } from "./patience.ts";
import { nameOf } from "./roster.ts";

/** How far a sender's clock may be off, with the time that a message may be on its way, in milliseconds. */
const MAX_AGE_MS = 300_000;
/** How old a knock may be: who knocks says it once, and waits for whoever comes to open. */
const MAX_KNOCK_AGE_MS = 86_400_000;
/** Most streams that are remembered of one sender to one addressee: one for each time it opened the room. */
const MAX_STREAMS = 4;
/** Most senders, with an addressee each, that are remembered, and most newcomers. */
const MAX_LINES = 1_024;

/** Looks an account up. @throws ClientError */
export type FindContact = (label: string) => Promise<Contact>;

/** A message that was judged. */
export interface Heard {
  readonly envelope: OpenEnvelope;
  /** The sender as the log proves them, or null. */
  readonly contact: Contact | null;
  /** How many are missing before it. */
  readonly missing: number;
}

/** What one sender said to one addressee. */
interface Line {
  /** The streams, the newest last. */
  readonly streams: Map<string, StreamSight>;
  /** When the newest message was sealed, Unix milliseconds. */
  readonly latestMs: number;
}

/** The senders of one room. */
export class Voices {
  readonly #keys: RoomMessageKeys;
  readonly #find: FindContact | null;
  readonly #now: () => number;
  readonly #contacts = new Map<string, Contact>();
  /** By name: the key that spoke first. */
  readonly #firstKeys = new Map<string, VerifyingKey>();
  /** By name and addressee. */
  readonly #lines = new Map<string, Line>();
  /** Who came while this client was there: what they say begins before its eyes. */
  readonly #newcomers = new Set<string>();
  /** The streams of knocks that were heard since one came in. */
  readonly #knocks = new Set<string>();
  /** When the newest message was sealed of those who are no longer remembered. */
  #forgottenMs = -Infinity;

  /** @param find looks an account up; null where this client can't */
  constructor(keys: RoomMessageKeys, find: FindContact | null, now: () => number) {
    this.#keys = keys;
    this.#find = find;
    this.#now = now;
  }

  /** One came in, and is told again who knocks. */
  entered(): void {
    this.#knocks.clear();
  }

  /** Somebody came just now. */
  came(member: Member): void {
    this.#newcomers.add(nameOf(member));
    if (this.#newcomers.size > MAX_LINES) forgetOldest(this.#newcomers);
  }

  /**
   * Opens what a member is said to have said.
   *
   * @param self one's own name @throws ClientError `room_message_refused`, those of a lookup
   */
  async hear(
    member: Member,
    sealed: Bytes,
    kind: EnvelopeKind,
    self: string | null,
  ): Promise<Heard> {
    const envelope = await this.#open(sealed);
    const name = nameOf(member);
    const isMeant = envelope.to === "" || envelope.to === self;
    if (envelope.kind !== kind || !isMeant) throw refused("A message was for somebody else");
    const ageMs = this.#now() - envelope.sentMs;
    if (ageMs < -MAX_AGE_MS || ageMs > (kind === "knock" ? MAX_KNOCK_AGE_MS : MAX_AGE_MS)) {
      throw refused("A message is too old, or the sender's clock is wrong");
    }
    const contact = await this.#owner(member, name, envelope.sender);
    // Judged last, and in one step: nothing but the sender's own words moves a stream.
    return { envelope, contact, missing: this.#judge(name, envelope) };
  }

  async #open(sealed: Bytes): Promise<OpenEnvelope> {
    try {
      return await openEnvelope(this.#keys, sealed);
    } catch (error) {
      throw toClientError(error, "room_message_refused");
    }
  }

  /** Whose key it is. @throws ClientError `room_message_refused` where it is not the member's */
  async #owner(member: Member, name: string, key: VerifyingKey): Promise<Contact | null> {
    if (member.account !== null && this.#find !== null) {
      const contact = await this.#contactOf(this.#find, member.account, member.device, key);
      if (contact !== null) return contact;
      throw refused("A message is not by the device that the service names");
    }
    if (name.startsWith("~")) {
      if (name === `~${thumbprintOf(key)}`) return null;
      throw refused("A message is not by the guest whom the service names");
    }
    const first = this.#firstKeys.get(name) ?? key;
    // Forgetting one would let another key have its name.
    if (!this.#firstKeys.has(name) && this.#firstKeys.size >= MAX_LINES) {
      throw refused("A message is by one too many whose key nobody proves");
    }
    this.#firstKeys.set(name, first);
    if (equal(first, key)) return null;
    throw refused("A message is by another key than those before");
  }

  /** The account, where this key is its device's; a device that is not known may be new. */
  async #contactOf(
    find: FindContact,
    label: string,
    device: number | null,
    key: VerifyingKey,
  ): Promise<Contact | null> {
    const known = this.#contacts.get(label);
    if (known !== undefined && isDeviceOf(known, device, key)) return known;
    const contact = await patiently(() => find(parseAccountLabel(label)), "bad_label");
    this.#contacts.set(label, contact);
    if (this.#contacts.size > MAX_LINES) forgetOldest(this.#contacts);
    return isDeviceOf(contact, device, key) ? contact : null;
  }

  #judge(name: string, envelope: OpenEnvelope): number {
    const key = `${name} ${envelope.to}`;
    const line = this.#lines.get(key);
    const streams = line?.streams ?? new Map<string, StreamSight>();
    const stream = toHex(envelope.stream);
    const sight = streams.get(stream);
    if (envelope.kind === "knock") {
      const isNew = !this.#knocks.has(stream);
      this.#knocks.add(stream);
      if (this.#knocks.size > MAX_LINES) forgetOldest(this.#knocks);
      const isLast = line?.latestMs === envelope.sentMs;
      if (isNew && isLast && sight?.prev && equal(sight.prev, envelope.hash)) return 0;
    }
    // A sender opens one stream after the other: what is older than the newest word is an old one.
    if (sight === undefined && envelope.sentMs < (line?.latestMs ?? this.#forgottenMs)) {
      throw refused("A message of an earlier time came again");
    }
    // Before a sender's first word one can't know how much was said; a new stream begins with it.
    const begins = line !== undefined || this.#newcomers.has(name) ? NEW_STREAM : null;
    const verdict = judge(sight ?? begins, envelope);
    if (verdict.kind === "refused") throw refused("A message came again, or in the wrong order");
    streams.delete(stream);
    streams.set(stream, verdict.sight);
    if (streams.size > MAX_STREAMS) forgetOldest(streams);
    // Those who spoke last are remembered longest.
    this.#lines.delete(key);
    this.#lines.set(key, { streams, latestMs: Math.max(line?.latestMs ?? 0, envelope.sentMs) });
    if (this.#lines.size > MAX_LINES) this.#forgetLine();
    return verdict.missing;
  }

  /** Forgets whoever has not spoken for longest, but not so that what they said could come again. */
  #forgetLine(): void {
    const [oldest, { latestMs }] = this.#lines.entries().next().value!;
    this.#lines.delete(oldest);
    this.#forgottenMs = Math.max(this.#forgottenMs, latestMs);
  }
}

function forgetOldest(held: Map<string, unknown> | Set<string>): void {
  held.delete(held.keys().next().value!);
}

function isDeviceOf({ record }: Contact, device: number | null, key: VerifyingKey): boolean {
  return record.devices.some(({ entry }) => entry.deviceId === device && equal(entry.signing, key));
}

function refused(message: string): ClientError {
  return new ClientError("room_message_refused", message);
}
