/**
 * Name policies: who may take a name, and who may reset one.
 *
 *     open    anybody takes a free name; nobody can say whose it is, so nobody resets one
 *     grant   a JWT of the application's own backend: { iss, aud, sub, exp, jti, cnf.jkt }
 *     oidc    an ID token of one issuer, of which one claim is the name: { iss, aud, sub, exp, nonce }
 *
 * An authorization names the key of the record's first device (`cnf.jkt`, RFC 7638, or `nonce`), and
 * that device has to have signed the record: so whoever sees one can do nothing with it. What it
 * proves has to stand in the record's `auth`. No message here holds a name or a token.
 *
 * @module
 */

import { type AccountId } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { equal } from "../crypto/bytes.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { isSignedBy, type VerifiedRecord } from "../crypto/record.ts";
import {
  type AuthMethod,
  formatRecordAuth,
  oidcNonce,
  parseRecordAuth,
  subjectHash,
} from "../crypto/record_auth.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { takeOnce } from "../kv/nonces.ts";
import { hasExactly } from "../wire/json.ts";
import { GRANT_TTL_MS, MAX_JTI_CHARS } from "../wire/limits.ts";
import { ServiceError } from "./error.ts";
import { keySource, openToken, required, type TokenIssuer } from "./issuer.ts";

/** Who may take a name. */
export interface NamePolicy {
  /** Its name, as clients are told it. */
  readonly kind: "open" | AuthMethod;
  /**
   * Requires that a first record, or a reset, is its name's owner's.
   *
   * @throws ServiceError `bad_record`, `authorization_required`, `forbidden`, `unavailable`
   * @throws StoreError
   */
  authorize(claim: NameClaim): Promise<void>;
  /**
   * Requires that an authorization says that whoever has a certain key owns a name; uses nothing up.
   *
   * @throws ServiceError `authorization_required`, `forbidden`, `unavailable`
   */
  recognize(owner: NameOwner): Promise<void>;
}

/** A record that takes a name or resets it. */
export interface NameClaim {
  /** The store, which remembers grants that were used. */
  readonly kv: Deno.Kv;
  /** The clock, Unix milliseconds. */
  readonly nowMs: number;
  /** The record that it follows on, or null where the name is free. */
  readonly before: VerifiedRecord | null;
  /** The record, which is verified but for its right to the name. */
  readonly record: VerifiedRecord;
  /** A compact JWS, or null. */
  readonly authorization: string | null;
}

/** Somebody who says that a name is theirs. */
export interface NameOwner {
  /** The clock, Unix milliseconds. */
  readonly nowMs: number;
  /** The name. */
  readonly account: AccountId;
  /** The key that a record of theirs would begin with. */
  readonly signing: VerifyingKey;
  /** A compact JWS, or null. */
  readonly authorization: string | null;
}

/** An issuer of ID tokens. */
export interface IdentityProvider extends TokenIssuer {
  /** The client id that the application has there. */
  readonly audience: string;
  /** The claim that is the name. */
  readonly claim: string;
}

const GRANT_ALGORITHMS = ["EdDSA", "Ed25519", "ES256"];
const OIDC_ALGORITHMS = [...GRANT_ALGORITHMS, "RS256", "PS256"];
/** First come, first served. */
export function openNames(): NamePolicy {
  return {
    kind: "open",
    authorize: ({ record }) => {
      if (record.kind === "reset") throw unowned();
      requireAuth(record, new Uint8Array(0));
      return Promise.resolve();
    },
    recognize: () => Promise.reject(unowned()),
  };
}

/** Names that the application's backend grants. */
export function grantedNames({ issuer, keys }: TokenIssuer): NamePolicy {
  const keyOf = keySource(keys);

  async function open(owner: NameOwner): Promise<{ sub: string; expiresMs: number; jti: string }> {
    const { nowMs, account, signing } = owner;
    const rules = { issuer, audience: account.origin, algorithms: GRANT_ALGORITHMS };
    const { sub, exp, jti, cnf } = await openToken(owner.authorization, keyOf, rules, owner.nowMs);
    const isShort = typeof exp === "number" && exp * 1000 <= nowMs + GRANT_TTL_MS;
    const isUsable = typeof jti === "string" && jti !== "" && jti.length <= MAX_JTI_CHARS;
    if (!isShort || !isUsable) {
      throw required("A grant is good for at most ten minutes, and has a jti");
    }
    if (sub !== account.label) throw forbidden("The grant is for another name");
    if (!hasExactly(cnf, ["jkt"]) || cnf.jkt !== thumbprintOf(signing)) {
      throw forbidden("The grant is for another device");
    }
    return { sub, expiresMs: exp * 1000, jti };
  }

  return {
    kind: "grant",
    async authorize(claim) {
      const { kv, nowMs, record } = claim;
      const { sub, expiresMs, jti } = await open(await ownerOf(claim));
      requireAuth(record, authOf("grant", issuer, sub));
      // Last, so that a record which is refused for another reason does not use it up.
      if (!await takeOnce(kv, `grant ${issuer} ${jti}`, expiresMs, nowMs)) {
        throw required("This grant was used before");
      }
    },
    recognize: async (owner) => void await open(owner),
  };
}

/** Names that are a claim of an ID token. */
export function oidcNames({ issuer, keys, audience, claim }: IdentityProvider): NamePolicy {
  const keyOf = keySource(keys);

  async function open(owner: NameOwner): Promise<{ sub: string }> {
    const rules = { issuer, audience, algorithms: OIDC_ALGORITHMS };
    const claims = await openToken(owner.authorization, keyOf, rules, owner.nowMs);
    const { sub, aud, azp, nonce } = claims;
    // OpenID Connect Core, 3.1.3.7: a token for several parties says for whom it was made.
    if ((azp !== undefined || Array.isArray(aud) && aud.length > 1) && azp !== audience) {
      throw forbidden("The ID token is for another application");
    }
    if (nonce !== toBase64Url(oidcNonce(owner.signing))) {
      throw forbidden("The ID token is for another device");
    }
    if (claim === "email" && claims.email_verified !== true) {
      throw forbidden("The ID token's address is not verified");
    }
    if (!isNamed(claims[claim], owner)) throw forbidden("The ID token is for another name");
    return { sub };
  }

  return {
    kind: "oidc",
    async authorize(asked) {
      const { sub } = await open(await ownerOf(asked));
      requireAuth(asked.record, authOf("oidc", issuer, sub));
      requireSamePerson(asked.before, issuer, sub);
    },
    recognize: async (owner) => void await open(owner),
  };
}

/** Whoever brings a record: the key of its first device, which has signed the record itself. */
async function ownerOf({ nowMs, record, authorization }: NameClaim): Promise<NameOwner> {
  const { signing } = record.devices[0]!.entry;
  // Otherwise another device could stand behind one whose authorization was overheard.
  if (await isSignedBy(record, "self", signing)) {
    return { nowMs, account: record.account, signing, authorization };
  }
  throw new ServiceError("bad_record", "The record is not signed by the first device it lists");
}

function authOf(method: AuthMethod, issuer: string, sub: string): Uint8Array {
  return formatRecordAuth({ method, issuer, subjectHash: subjectHash(issuer, sub) });
}

function requireAuth(record: VerifiedRecord, proven: Uint8Array): void {
  if (equal(record.auth, proven)) return;
  throw new ServiceError("bad_record", "The record says otherwise how its owner was authenticated");
}

/**
 * Requires that an issuer which vouched for a name's owner vouches for the same person again: a claim
 * may be given to somebody else (an address that was given up, say), a subject is not.
 */
function requireSamePerson(before: VerifiedRecord | null, issuer: string, sub: string): void {
  const held = before === null ? null : parseRecordAuth(before.auth);
  if (held?.method !== "oidc" || held.issuer !== issuer) return;
  if (equal(held.subjectHash, subjectHash(issuer, sub))) return;
  throw forbidden("The ID token is of somebody else than the name's owner");
}

/** Whether a claim is a name; nothing but case is folded, so that no two claims of ASCII are one. */
function isNamed(value: unknown, { account }: NameOwner): boolean {
  // Beyond ASCII other letters become these in lower case: U+212A a "k".
  return typeof value === "string" && /^[!-~]+$/.test(value) &&
    value.toLowerCase() === account.label;
}

function unowned(): ServiceError {
  return forbidden("Nobody here can say whose a name is: none is reset");
}

function forbidden(message: string): ServiceError {
  return new ServiceError("forbidden", message);
}
