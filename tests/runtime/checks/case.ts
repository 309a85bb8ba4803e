/**
 * A vector as it travels to the runtimes, and what comes back.
 *
 * @module
 */

import { type Bytes } from "../../../crypto/bytes.ts";

/** What a vector is for; "unparsed" hands a key to the agreement that no parser saw. */
export type Algorithm =
  | "X25519"
  | "X25519 unparsed"
  | "Ed25519"
  | "AES-GCM"
  | "HKDF-SHA-256"
  | "HMAC-SHA-256"
  | "ML-KEM-768 encaps"
  | "ML-KEM-768 keygen"
  | "ML-KEM-768 decaps";

/** One vector. A type and not an interface, so that it is JSON to the compiler too. */
export type Case = {
  readonly algorithm: Algorithm;
  /** Who wrote it. */
  readonly source: string;
  /** Its number there. */
  readonly id: number;
  /** What its author says of it: valid, invalid, acceptable or disputed. */
  readonly says: string;
  /** What is special about it. */
  readonly why: string;
  /** Its byte strings in hex, by the names that its author gave them. */
  readonly fields: Readonly<Record<string, string>>;
};

/** A field of a vector; throws where it has none, rather than test nothing. */
export type Field = (name: string) => Bytes;

/** Two verdicts on one vector: "accepts", or in which way it does not. */
export interface Verdict {
  /** The project's, through `crypto/`. */
  readonly ours: string;
  /** That of the runtime's WebCrypto, asked directly; "absent" where it has none. */
  readonly raw: string;
}

/** The verdict that a vector is what its author says. */
export const ACCEPTS = "accepts";
/** The verdict where something else comes out than the author says. */
export const DIFFERS = "gives another result";

/** The verdict of the project where a parser refused the key, before anything was computed. */
export const REFUSES_KEY = "refuses the key";

/** The name of an error, which is what runtimes agree on at best. */
export function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : typeof error;
}
