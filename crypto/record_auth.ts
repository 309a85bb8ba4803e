/**
 * How the operator authenticated the owner of a name, as a record's `auth` says it, without saying
 * who the owner is.
 *
 *     auth         = empty (anybody could take the name)
 *                    | u8 method (1 grant, 2 oidc) || v8 issuer || subject_hash[32]
 *     subject_hash = SHA-256("auth-subject" || v8 issuer || v8 subject)
 *     oidc_nonce   = SHA-256("oidc-nonce" || the signing key of the record's first device)
 *
 * It is the operator's word and proves nothing to anybody else; but it stays in the record, so that
 * another owner of the name shows.
 *
 * @module
 */

import { type Bytes, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import { HASH_BYTES, sha256 } from "./primitives.ts";

/** What proved who the owner is. */
export type AuthMethod = "grant" | "oidc";
const METHODS: readonly AuthMethod[] = ["grant", "oidc"];

/** How an owner was authenticated. */
export interface RecordAuth {
  /** By what. */
  readonly method: AuthMethod;
  /** Who vouched, at most 255 bytes. */
  readonly issuer: string;
  /** `subjectHash` of whom the issuer named. */
  readonly subjectHash: Bytes;
}

/** A person as their issuer knows them, hidden. @param subject at most 255 bytes */
export function subjectHash(issuer: string, subject: string): Bytes {
  const body = new Writer().v8(utf8(issuer)).v8(utf8(subject)).bytes();
  return sha256(labelled("auth-subject", body));
}

/** What the `nonce` of an ID token has to be for a record whose first device has this key. */
export function oidcNonce(signing: VerifyingKey): Bytes {
  return sha256(labelled("oidc-nonce", signing));
}

/** The `auth` field of a record; null where nobody was authenticated. */
export function formatRecordAuth(auth: RecordAuth | null): Bytes {
  if (auth === null) return new Uint8Array(0);
  return new Writer()
    .u8(METHODS.indexOf(auth.method) + 1)
    .v8(utf8(auth.issuer))
    .raw(auth.subjectHash)
    .bytes();
}

/** Reads the `auth` field of a record. @throws CryptoError `malformed` */
export function parseRecordAuth(field: Bytes): RecordAuth | null {
  if (field.length === 0) return null;
  const reader = new Reader(field, "the record's authentication");
  const method = METHODS[reader.u8() - 1];
  const issuer = fromUtf8(reader.v8());
  const hash = reader.raw(HASH_BYTES);
  reader.end();
  if (method === undefined || issuer === null || issuer === "") {
    throw new CryptoError("malformed", "The record names no method or issuer that there can be");
  }
  return { method, issuer, subjectHash: hash };
}
