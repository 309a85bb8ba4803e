/**
 * The smallest module that `runEverywhere` runs: it says what it was given, or throws it.
 *
 * @module
 */

import { toHex, utf8 } from "../../../crypto/bytes.ts";
import { sha256 } from "../../../crypto/primitives.ts";

/** What comes back. */
export interface Echo {
  /** The text that was given. */
  readonly text: string;
  /** Its hash, by the project's own code. */
  readonly hash: string;
  /** Whether WebCrypto is there, which it is in a secure context only. */
  readonly secure: boolean;
}

/** Says the text back, and throws it in the runtime whose user agent has the given word. */
export function run({ text, failIn }: { text: string; failIn: string | null }): Echo {
  // Node 20 has no navigator.
  const agent = (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent;
  if (failIn !== null && (agent ?? "Node").includes(failIn)) throw new Error(text);
  return { text, hash: toHex(sha256(utf8(text))), secure: "subtle" in crypto };
}
