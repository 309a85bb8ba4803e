/**
 * The short code of a call, which two people compare to find out that nobody is between them: commit, then
 * reveal, so that whoever is has one guess a try.
 *
 *     party   = v8 origin || v8 label || record_hash[32] || u8 count || fingerprint[32]... || v16 head
 *     context = H("sas-context" || call_id[16] || u32 epoch || u16 count || party..., in the roster's order)
 *     S       = Export("sas", context, 32)                      in that epoch of the session
 *     Commit  = H("sas-commit" || context || u16 initiator || nonce_I[32])      initiator -> responder
 *     nonce_R[32]                                                               responder -> initiator
 *     nonce_I[32]                                                               initiator -> responder
 *     code    = HKDF-Expand(S, "sas" || u16 initiator || u16 responder || Commit || nonce_R || nonce_I, 11)
 *
 * The exporter holds the session's whole transcript: both records and devices, every KEM ciphertext. Somebody
 * between two sessions of their own has two values of S, and has to make two codes alike. The initiator can't
 * choose its nonce by the other's, and the responder can't by a nonce that it has not seen: a guess of 24 bits.
 * Without the commitment whoever speaks last would search for it. `sas_exchange.ts` keeps the order.
 *
 * @module
 */

import { type AccountId, encodeAccountId } from "./account_label.ts";
import { type Bytes, concat, utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { labelled } from "./labels.ts";
import { hkdfExpand, sha256 } from "./primitives.ts";
import { type Exporter } from "./schedule.ts";

/** Length of a nonce, and of a commitment, in bytes. */
export const SAS_NONCE_BYTES = 32;
/** Length of a code in bytes: 24 bits for pictures, 64 for digits. */
const CODE_BYTES = 11;

/** Somebody in a call, with what they said in it when it began. */
export interface SasParty {
  /** Whose record it is. */
  readonly account: AccountId;
  /** `recordHash` of the record under which they are in this call. */
  readonly recordHash: Bytes;
  /** SHA-256 of each DTLS certificate that they promised: 32 bytes each. */
  readonly fingerprints: readonly Bytes[];
  /** The newest head of the log that they said they know, a note, or empty; it was compared. */
  readonly head: string;
}

/** What both sides must hold alike. */
export interface SasBinding {
  /** 16 bytes. */
  readonly callId: Bytes;
  /** The session's epoch. */
  readonly epoch: number;
  /** Everybody in the call, in the roster's order. */
  readonly roster: readonly SasParty[];
}

/** What a comparison is bound to, as one side holds it. */
export interface SasBase {
  /** Hash of the binding. */
  readonly context: Bytes;
  /** `S`: of this session and this epoch alone. */
  readonly secret: Bytes;
}

/** The values of one exchange. */
export interface SasNonces {
  /** Whose commitment it is: their place in the roster. */
  readonly initiator: number;
  /** Who answered it. */
  readonly responder: number;
  /** The initiator's nonce. */
  readonly initiatorNonce: Bytes;
  /** The responder's nonce. */
  readonly responderNonce: Bytes;
}

/** Binds a comparison to a call. @param exporter of the session, in the epoch that is named */
export function sasBase(exporter: Exporter, { callId, epoch, roster }: SasBinding): SasBase {
  const body = new Writer().raw(callId).u32(epoch).u16(roster.length);
  for (const { account, recordHash, fingerprints, head } of roster) {
    body.raw(encodeAccountId(account)).raw(recordHash);
    body.u8(fingerprints.length).raw(concat(...fingerprints)).v16(utf8(head));
  }
  const context = sha256(labelled("sas-context", body.bytes()));
  return { context, secret: exporter("sas", context, 32) };
}

/** What an initiator says before its nonce. */
export function sasCommitment({ context }: SasBase, initiator: number, nonce: Bytes): Bytes {
  return sha256(labelled("sas-commit", context, new Writer().u16(initiator).bytes(), nonce));
}

/** The code that both sides show, unless somebody is between them. */
export function sasCode(base: SasBase, nonces: SasNonces): Bytes {
  const { initiator, responder, initiatorNonce, responderNonce } = nonces;
  const commitment = sasCommitment(base, initiator, initiatorNonce);
  const roles = new Writer().u16(initiator).u16(responder).bytes();
  const info = labelled("sas", roles, commitment, responderNonce, initiatorNonce);
  return hkdfExpand(base.secret, info, CODE_BYTES);
}
