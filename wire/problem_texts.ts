/**
 * What each code of a refusal means, for readers of the published documents: what stands at it in
 * `problem.ts`, which clients carry without these sentences.
 *
 * @module
 */

import { isRetryable, PROBLEM_STATUS, type ProblemCode } from "./problem.ts";

const SAYS: Readonly<Record<ProblemCode, string>> = {
  malformed: "Not JSON, or not of the expected shape.",
  bad_label: "A name that is not canonical.",
  too_large: "A body or frame over its limit.",
  unsupported_media_type: "A body of another media type.",
  bad_record: "A record that does not verify.",
  bad_prekeys: "A prekey set that does not verify.",
  prekeys_conflict: "A set number that does not follow on the one before.",
  prekeys_differ: "The service holds another prekey set of the device, or none.",
  name_taken: "The name belongs to somebody else.",
  name_retired: "The name has ended, for everybody and for good.",
  record_conflict:
    "The record does not follow on the newest one of the name, or another one waits for the log.",
  reset_pending: "A reset may be cancelled for 72 hours; until then nothing else follows on it.",
  authorization_required: "Taking the name, or resetting it, needs a fresh authorization.",
  name_not_found: "Nobody of that name.",
  record_lost:
    "The service lost what the log committed to: the owner has to bring the record again.",
  self_call: "Nobody calls themselves.",
  missing_devices: "The ring leaves out a device that the account has.",
  extra_devices:
    "The ring names a device that the account never had, or has offers beside its list.",
  stale_devices: "The ring names a device that the account has no longer.",
  link_gone: "No new device waits there, or no longer.",
  link_conflict: "The devices that meet there have already said something else.",
  offline: "The account is not connected.",
  bad_subscription:
    "Not a push subscription, or one at a push service that this service does not use.",
  push_off: "This service has no Web Push.",
  head_unknown: "The client's head is larger than the log: one of both was rolled back.",
  unauthenticated: "No credentials.",
  use_dpop_nonce: "Repeat the proof with the nonce given.",
  invalid_proof: "A proof that does not verify, or is for something else.",
  proof_replayed: "A proof seen before.",
  invalid_token: "An access token that does not verify, or has expired.",
  unknown_device: "The key is not of a current device of the account.",
  forbidden: "Something is not this account's to do.",
  room_not_found: "There is no such room, or it is not for whoever asks: the two look alike.",
  room_locked: "Nobody else gets into this room.",
  room_ended: "The room was ended.",
  invalid_room_token:
    "A room token that does not verify, is for another key or room, or is older than the room's epoch.",
  invalid_invite: "The invite is unknown, used up, expired or withdrawn: these look alike.",
  too_many_open: "Whoever made so many rooms, or invites, has to end some first.",
  lobby_full: "Too many wait at the door already.",
  no_right_to_send: "Nothing gives the right to write to that account.",
  mailbox_full: "The mailbox is full, or its part for this sender.",
  idempotency_mismatch: "The idempotency key was used for another request.",
  idempotency_in_flight: "The same request is under way.",
  not_in_room: "The sender is not in that room.",
  no_such_member: "No such member in that room.",
  room_full: "The room is full.",
  too_many_rooms: "The connection is in too many rooms.",
  rate_limited:
    "The account was rung or its connections resumed too often, or a link asks too often, or too many devices are being linked.",
  misdirected: "The `Host` is not one of this service.",
  not_found: "No such path.",
  method_not_allowed: "No such method on this path.",
  unavailable: "It can't be done at the moment.",
  log_frozen:
    "The log is frozen until its operator has recovered it; what is published can be read.",
  internal: "A fault of the service.",
};

/** What is published of a code. */
export interface CodeText {
  /** The HTTP status. */
  readonly status: number;
  /** Whether trying the same again later can help. */
  readonly retryable: boolean;
  /** What it means. */
  readonly says: string;
}

/** Every code. */
export function codeTexts(): Readonly<Record<string, CodeText>> {
  return Object.fromEntries(
    Object.entries(SAYS).map(([code, says]) => {
      const known = code as ProblemCode;
      return [code, { status: PROBLEM_STATUS[known], retryable: isRetryable(known), says }];
    }),
  );
}
