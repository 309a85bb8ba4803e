/**
 * The one error of the SDK: a closed code, one sentence for people, and whether trying again helps.
 *
 * The codes fall in three kinds. *Show the user*: somebody lied, or an identity changed, and going
 * on would be wrong. *Tell the user*: the ordinary ends of a call. *Try again*: `retryable` is true.
 *
 * @module
 */

import { CryptoError, type CryptoErrorCode } from "../crypto/error.ts";
import { WireError } from "../wire/json.ts";
import { isRetryable, type Problem, type ProblemCode } from "../wire/problem.ts";

/** Everything that can end what an application asked for. */
export type ClientErrorCode =
  // Somebody lied: show the user.
  /** The log's head is smaller than one seen before. */
  | "head_rolled_back"
  /** The log's head contradicts one seen before: the service shows different histories. */
  | "log_forked"
  /** Too few witnesses vouch for the log's head. */
  | "quorum_missing"
  /** The witnesses' word for the log's head is too old: the service may show a frozen view. */
  | "stale_head"
  /** A name is shown with fewer versions than before. */
  | "version_rolled_back"
  /** An epoch of the log breaks its rules, or is not what the service says it is. */
  | "epoch_invalid"
  /** This account was reset: the operator gave its name to other devices. */
  | "account_reset"
  /** The service now signs with another key, or under another origin, than before. */
  | "log_changed"
  /** The record is not what the log committed to. */
  | "proof_invalid"
  /** The person's identity is not the one seen before. */
  | "identity_changed"
  /** The prekeys are not signed by the person's device, or are stale. */
  | "prekeys_invalid"
  /** A handshake message was forged, or meant for somebody else. */
  | "handshake_refused"
  /** An offer that was seen before. */
  | "offer_replayed"
  /** The media connection ended at another machine than the person's. */
  | "fingerprint_mismatch"
  /** A frame was about to leave without encryption. */
  | "bypass_detected"
  /** The two people compared, and did not have the same before them: somebody may be in between. */
  | "code_mismatch"
  /** The service shows the members of a group call what happens in different orders. */
  | "room_forked"
  /** The other side broke the order of a comparison, or revealed something else than it was committed to. */
  | "comparison_refused"
  /** Messages of a member did not arrive: the service kept them, or lost them. */
  | "room_message_missing"
  /** A message in a room was forged, came again, or was for somebody else. */
  | "room_message_refused"
  // Ordinary ends: tell the user.
  /** Not a name in canonical form. */
  | "bad_label"
  /** The name belongs to somebody else. */
  | "name_taken"
  /** The account was changed elsewhere meanwhile: look again, then try again. */
  | "record_conflict"
  /** The account was reset: for 72 hours an old device may cancel that, and nothing else changes it. */
  | "reset_pending"
  /** The name needs a fresh authorization: a grant of the application, or an ID token. */
  | "authorization_required"
  /** Not a recovery code, or not the one of this account. */
  | "bad_recovery_code"
  /** Nobody of that name. */
  | "unknown_name"
  /** The name has ended, for everybody and for good. */
  | "name_retired"
  /** Nobody calls themselves. */
  | "self_call"
  /** This device was removed from its account, as the log proves. */
  | "device_removed"
  /** Two devices did not come together: given up, too late, or somebody stood between them. */
  | "link_failed"
  /** This client has no account yet. */
  | "not_registered"
  /** This client is not online. */
  | "not_online"
  /** The person is not connected, or can't be reached. */
  | "peer_offline"
  /** The person did not answer. */
  | "no_answer"
  /** It was given up: a call before it was answered, or what a signal aborted. */
  | "cancelled"
  /** No such room, or it is not for this client. */
  | "room_not_found"
  /** Nobody else gets into the room. */
  | "room_locked"
  /** The room was ended. */
  | "room_ended"
  /** Not an invite, or one that is used up, expired or withdrawn. */
  | "invite_invalid"
  /** Whoever may let people in turned this client away, or put it out. */
  | "entry_denied"
  /** This client is not in the room, or no longer. */
  | "not_in_room"
  /** Nobody of that id is in the room. */
  | "no_such_member"
  /** The media connection failed. */
  | "media_failed"
  /** The service refused, for the reason in `problem`. */
  | "refused"
  /** What the service or the other side sent is not what the protocol says. */
  | "bad_answer"
  /** A URL, log key, policy or the like that can't be one. */
  | "bad_option"
  /** The page came neither by HTTPS nor from localhost: browsers have no cryptography for it. */
  | "insecure_context"
  /** What the client keeps on this device could not be read or written. */
  | "store_failed"
  /** What the client keeps on this device is sealed, and no key was given, or another one. */
  | "store_locked"
  /** This account is online in another tab, or another program uses its store. */
  | "in_use"
  /** The client was closed, or went offline meanwhile. */
  | "closed"
  // Try again.
  /** The service can't be reached. */
  | "network"
  /** The service can be reached, but something on the way lets no WebSocket through. */
  | "socket_blocked"
  /** The room, or its lobby, is full. */
  | "room_full"
  /** The service says: later. */
  | "unavailable";

/** An error of the SDK. */
export class ClientError extends Error {
  /** What happened. */
  readonly code: ClientErrorCode;
  /** Whether trying the same again later can help. */
  readonly retryable: boolean;
  /** The service's own code, where it refused. */
  readonly problem: ProblemCode | null;
  /** Which new identity it is (`identity_changed`), for `confirmIdentity`. */
  readonly identity: string | null;

  /** Makes one. @param code what happened @param message one sentence for people */
  constructor(
    code: ClientErrorCode,
    message: string,
    options: { problem?: ProblemCode; identity?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "ClientError";
    this.code = code;
    this.problem = options.problem ?? null;
    this.identity = options.identity ?? null;
    this.retryable = RETRYABLE.includes(code);
  }
}

const RETRYABLE: readonly ClientErrorCode[] = [
  "network",
  "socket_blocked",
  "room_full",
  "unavailable",
];

const OF_PROBLEM: Partial<Record<ProblemCode, ClientErrorCode>> = {
  bad_label: "bad_label",
  name_taken: "name_taken",
  name_retired: "name_retired",
  record_conflict: "record_conflict",
  reset_pending: "reset_pending",
  authorization_required: "authorization_required",
  name_not_found: "unknown_name",
  self_call: "self_call",
  offline: "peer_offline",
  head_unknown: "head_rolled_back",
  room_not_found: "room_not_found",
  room_locked: "room_locked",
  room_ended: "room_ended",
  room_full: "room_full",
  lobby_full: "room_full",
  invalid_invite: "invite_invalid",
  not_in_room: "not_in_room",
  no_such_member: "no_such_member",
  log_frozen: "unavailable",
};

/** The service's refusal. */
export function ofProblem(problem: Pick<Problem, "code" | "title">): ClientError {
  const code = OF_PROBLEM[problem.code] ?? (isRetryable(problem.code) ? "unavailable" : "refused");
  return new ClientError(code, problem.title, { problem: problem.code });
}

/** What failed while verifying a lookup. */
export function ofLookup(error: unknown): ClientError {
  const code = error instanceof CryptoError ? LOOKUP_CODES[error.code] : undefined;
  return toClientError(error, code ?? "proof_invalid");
}

const LOOKUP_CODES: Partial<Record<CryptoErrorCode, ClientErrorCode>> = {
  head_rolled_back: "head_rolled_back",
  log_forked: "log_forked",
  other_log: "log_changed",
  quorum_missing: "quorum_missing",
  stale_head: "stale_head",
  version_rolled_back: "version_rolled_back",
  bad_epoch: "epoch_invalid",
};

/**
 * Any failure as the application's error: what was received and cannot be read is `bad_answer`, what
 * did not verify gets the code given, and a fault of our own, or of the media stack, stays visible
 * as the cause.
 */
export function toClientError(error: unknown, code: ClientErrorCode): ClientError {
  if (error instanceof ClientError) return error;
  if (error instanceof WireError) {
    return new ClientError("bad_answer", error.message, { cause: error });
  }
  const message = error instanceof CryptoError ? error.message : MESSAGES[code];
  return new ClientError(code, message ?? "Something failed that should not", { cause: error });
}

const MESSAGES: Partial<Record<ClientErrorCode, string>> = {
  media_failed: "The media connection failed",
  handshake_refused: "The message was refused",
  link_failed: "The two devices did not come together",
  proof_invalid: "The answer could not be verified",
};
