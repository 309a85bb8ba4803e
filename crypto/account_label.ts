/**
 * Account labels: the names under which people are found, in the one form the log knows.
 *
 * Canonical: NFC, lower case, `[a-z0-9][a-z0-9._@+-]*`, 1 to 128 bytes. The rule is frozen for a log's
 * generation, because a second spelling would be a second account. A label of dots alone would vanish
 * from a URL, so the first character is none.
 *
 * @module
 */

import { type Bytes, utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";

declare const checked: unique symbol;

/** A canonical account label. */
export type AccountLabel = string & { readonly [checked]: "AccountLabel" };

/** Checks that a text is a canonical label. @throws CryptoError `bad_label` */
export function parseAccountLabel(text: string): AccountLabel {
  if (!/^[a-z0-9][a-z0-9._@+-]{0,127}$/.test(text)) {
    throw new CryptoError(
      "bad_label",
      "A name is a letter or digit, then up to 127 of a-z, 0-9 and . _ @ + -",
    );
  }
  return text as AccountLabel;
}

/** The canonical label of what a person typed. @throws CryptoError `bad_label` */
export function canonicalAccountLabel(typed: string): AccountLabel {
  return parseAccountLabel(typed.trim().normalize("NFC").toLowerCase());
}

/** Where an account lives: the log's origin and the label in it. */
export interface AccountId {
  /** `<host>/kt/<generation>`. */
  readonly origin: string;
  /** The label. */
  readonly label: AccountLabel;
}

/** `v8(origin) || v8(label)`, as every signature and hash about an account begins. */
export function encodeAccountId(id: AccountId): Bytes {
  return new Writer().v8(utf8(id.origin)).v8(utf8(id.label)).bytes();
}
