/**
 * The log that a client believes: its key and CONFIG from first contact, its newest head since.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { decodeConfig, encodeConfig } from "../crypto/log_entry.ts";
import { type LogIdentity, verifyConfig } from "../crypto/lookup.ts";
import { formatNote, parseVerifierKey, type Verifier } from "../crypto/note.ts";
import { ed25519Verifier } from "../crypto/note_key.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { cell } from "./cell.ts";
import { ClientError, ofLookup } from "./error.ts";
import { type Http } from "./http.ts";

/** What is kept of the log. */
export type KnownLog = {
  /** `name+hash+key`. */
  readonly verifierKey: string;
  /** The bytes of CONFIG. */
  readonly config: Bytes;
  /** The newest head: a note that the log signed. */
  readonly head: string;
};

/** Where the log is kept. */
export const KNOWN_LOG = cell<KnownLog>("log");

/**
 * First contact: the log's key is taken on trust unless the application pins it; its CONFIG is proved.
 *
 * @throws ClientError `bad_option`, `log_changed`, `proof_invalid`, `bad_answer`, `network`
 */
export async function meetLog(http: Http, pinned: string | null): Promise<KnownLog> {
  try {
    const description = descriptionFromWire(await http.open("GET", WELL_KNOWN));
    const verifierKey = pinned ?? description.verifier;
    requireSame(verifierKey, description.verifier);
    const { config, head } = await verifyConfig(verifierOf(verifierKey), description.config);
    return { verifierKey, config: encodeConfig(config), head: noteText(head) };
  } catch (error) {
    throw ofLookup(error);
  }
}

/** What proofs of the log are verified under. */
export function identityOf({ verifierKey, config }: KnownLog): LogIdentity {
  const { origin, vrfPublicKey } = decodeConfig(config);
  return { origin, verifier: verifierOf(verifierKey), vrfPublicKey };
}

/** Requires that a log key given by the application is one. @throws ClientError `bad_option` */
export function requireKey(pinned: string): void {
  try {
    verifierOf(pinned);
  } catch (cause) {
    throw new ClientError("bad_option", "The log key has the form name+hash+key", { cause });
  }
}

/** Requires that two log keys are one. @throws ClientError `log_changed` */
export function requireSame(trusted: string, shown: string): void {
  if (trusted === shown) return;
  throw new ClientError("log_changed", "The service's log is not the one that was trusted");
}

/** The note of a head. */
export function noteText({ note }: SignedCheckpoint): string {
  return formatNote(note.text, note.signatures);
}

function verifierOf(verifierKey: string): Verifier {
  return ed25519Verifier(parseVerifierKey(verifierKey));
}
