/**
 * Who somebody is, for roles, bans and limits: one text, which outlives every connection.
 *
 *     alice        an account, by its label
 *     ~<jkt>       a guest, by the thumbprint of its key (RFC 7638)
 *     =<sub>       a user of an embedder, by the name that the embedder's backend gave it
 *
 * A label begins with a letter or a digit, so none of the three is ever another.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type VerifyingKey } from "../crypto/keys.ts";

/** Somebody, as one text. */
export type Identity = string;

/** Who is at the other end of a connection: a device of an account, or a guest with a key. */
export type Party =
  | {
    readonly kind: "account";
    readonly identity: Identity;
    readonly account: AccountLabel;
    readonly device: number;
    readonly signing: VerifyingKey;
  }
  | {
    readonly kind: "guest";
    readonly identity: Identity;
    /** The only room that a guest is let into. */
    readonly room: string;
    readonly signing: VerifyingKey;
  };

/** A guest by its key's thumbprint. */
export function guestIdentity(thumbprint: string): Identity {
  return `~${thumbprint}`;
}

/** An embedder's user by the name that its backend gave it. */
export function embedderIdentity(sub: string): Identity {
  return `=${sub}`;
}

/** Whether somebody is a guest. */
export function isGuest(identity: Identity): boolean {
  return identity.startsWith("~");
}

/** Whether somebody is an account. */
export function isAccount(identity: Identity): boolean {
  return /^[a-z0-9]/.test(identity);
}
