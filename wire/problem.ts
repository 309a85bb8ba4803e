/**
 * What the service says when it refuses: RFC 9457 problem details with a stable code. The `error`
 * frame of the socket carries the same codes.
 *
 * @module
 */

/** The HTTP status of every code, which also lists the codes. */
export const PROBLEM_STATUS = {
  /** Not JSON, or not of the expected shape. */
  malformed: 400,
  /** A name that is not canonical. */
  bad_label: 400,
  /** A body or frame over its limit. */
  too_large: 413,
  /** A body of another media type. */
  unsupported_media_type: 415,
  /** A record that does not verify. */
  bad_record: 422,
  /** A prekey set that does not verify. */
  bad_prekeys: 422,
  /** A set number that does not follow on the one before. */
  prekeys_conflict: 409,
  /** The service holds another prekey set of the device, or none. */
  prekeys_differ: 409,
  /** The name belongs to somebody else. */
  name_taken: 409,
  /** The name has ended, for everybody and for good. */
  name_retired: 410,
  /** The record does not follow on the newest one of the name, or another one waits for the log. */
  record_conflict: 409,
  /** A reset may be cancelled for 72 hours; until then nothing else follows on it. */
  reset_pending: 409,
  /** Taking the name, or resetting it, needs a fresh authorization. */
  authorization_required: 403,
  /** Nobody of that name. */
  name_not_found: 404,
  /** The service lost what the log committed to: the owner has to bring the record again. */
  record_lost: 409,
  /** Nobody calls themselves. */
  self_call: 409,
  /** The ring leaves out a device that the account has. */
  missing_devices: 409,
  /** The ring names a device that the account never had, or has offers beside its list. */
  extra_devices: 409,
  /** The ring names a device that the account has no longer. */
  stale_devices: 410,
  /** No new device waits there, or no longer. */
  link_gone: 404,
  /** The devices that meet there have already said something else. */
  link_conflict: 409,
  /** The account is not connected. */
  offline: 404,
  /** Not a push subscription, or one at a push service that this service does not use. */
  bad_subscription: 422,
  /** This service has no Web Push. */
  push_off: 404,
  /** The client's head is larger than the log: one of both was rolled back. */
  head_unknown: 409,
  /** No credentials. */
  unauthenticated: 401,
  /** Repeat the proof with the nonce given. */
  use_dpop_nonce: 401,
  /** A proof that does not verify, or is for something else. */
  invalid_proof: 401,
  /** A proof seen before. */
  proof_replayed: 401,
  /** An access token that does not verify, or has expired. */
  invalid_token: 401,
  /** The key is not of a current device of the account. */
  unknown_device: 403,
  /** Something is not this account's to do. */
  forbidden: 403,
  /** There is no such room, or it is not for whoever asks: the two look alike. */
  room_not_found: 404,
  /** Nobody else gets into this room. */
  room_locked: 409,
  /** The room was ended. */
  room_ended: 410,
  /** A room token that does not verify, is for another key or room, or is older than the room's epoch. */
  invalid_room_token: 403,
  /** The invite is unknown, used up, expired or withdrawn: these look alike. */
  invalid_invite: 403,
  /** Whoever made so many rooms, or invites, has to end some first. */
  too_many_open: 409,
  /** Too many wait at the door already. */
  lobby_full: 409,
  /** Nothing gives the right to write to that account. */
  no_right_to_send: 403,
  /** The mailbox is full, or its part for this sender. */
  mailbox_full: 409,
  /** The idempotency key was used for another request. */
  idempotency_mismatch: 422,
  /** The same request is under way. */
  idempotency_in_flight: 409,
  /** The sender is not in that room. */
  not_in_room: 404,
  /** No such member in that room. */
  no_such_member: 404,
  /** The room is full. */
  room_full: 409,
  /** The connection is in too many rooms. */
  too_many_rooms: 409,
  /** The account was rung or its connections resumed too often, or a link asks too often, or too many devices are being linked. */
  rate_limited: 429,
  /** The `Host` is not one of this service. */
  misdirected: 421,
  /** No such path. */
  not_found: 404,
  /** No such method on this path. */
  method_not_allowed: 405,
  /** It can't be done at the moment. */
  unavailable: 503,
  /** The log is frozen until its operator has recovered it; what is published can be read. */
  log_frozen: 503,
  /** A fault of the service. */
  internal: 500,
} as const;

/** One code of the service. */
export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** Whether a value is a code of the service. */
export function isProblemCode(value: unknown): value is ProblemCode {
  return typeof value === "string" && Object.hasOwn(PROBLEM_STATUS, value);
}

/** An RFC 9457 body, `application/problem+json`. */
export interface Problem {
  /** Always `about:blank`: the code says what it is. */
  readonly type: "about:blank";
  /** The HTTP status. */
  readonly status: number;
  /** Stable, for programs. */
  readonly code: ProblemCode;
  /** One sentence for people, without names or secrets. */
  readonly title: string;
}

/** Whether trying the same again later can help; of a ring, whether calling again can. */
export function isRetryable(code: ProblemCode): boolean {
  return RETRYABLE.includes(code);
}

const RETRYABLE: readonly ProblemCode[] = [
  "unavailable",
  "internal",
  "rate_limited",
  "idempotency_in_flight",
  "missing_devices",
  "extra_devices",
  "stale_devices",
];

/** The problem in an answer's JSON, or null where it is none. */
export function problemFromWire(value: unknown): Problem | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("status" in value && "code" in value && "title" in value)) return null;
  const { status, code, title } = value;
  if (typeof status !== "number" || !isProblemCode(code) || typeof title !== "string") return null;
  return { type: "about:blank", status, code, title };
}
