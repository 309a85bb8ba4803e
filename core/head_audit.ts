/**
 * An audit of the heads that the store has beside the committed one: published, audited, signed. Each
 * is signed by the log's key, says what its row says, and is a prefix of the log.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { openCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { ed25519Verifier, parseVerifierKey } from "../crypto/note_key.ts";
import { readFrozen } from "../kv/frozen.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readAudited, readPublished } from "../kv/published.ts";
import { readSigned } from "../kv/signed_head.ts";

/** A head with its note, and how a sentence calls it. */
interface NotedHead {
  readonly name: string;
  readonly size: number;
  readonly root: Bytes;
  readonly note: string;
  /** The key that the row names, or null where it names none. */
  readonly verifierKey: string | null;
}

/** The heads of a store. */
export interface NotedHeads {
  /** All there are. */
  readonly heads: readonly NotedHead[];
  /** How much is published; 0 where nothing is. */
  readonly publishedSize: number;
}

/** Reads the heads. */
export async function readNotedHeads(log: LogStore): Promise<NotedHeads> {
  const published = (await readPublished(log))?.value;
  const audited = (await readAudited(log))?.value;
  const signed = (await readSigned(log))?.value;
  const heads = [
    ...published === undefined ? [] : [{ ...published, name: "The published head" }],
    ...audited === undefined ? [] : [{ ...audited, name: "The audited head" }],
    ...signed === undefined ? [] : [{ ...signed, name: "The signed head", verifierKey: null }],
  ];
  return { heads, publishedSize: published?.size ?? 0 };
}

/**
 * Audits the heads.
 *
 * @param roots the roots of the log's trees of their sizes
 * @param verifierKey the log's key where it is known; without it the published head's is believed
 */
export async function auditHeads(
  log: LogStore,
  { heads, publishedSize }: NotedHeads,
  roots: ReadonlyMap<number, Bytes>,
  verifierKey: string | undefined,
  faults: string[],
): Promise<void> {
  const frozen = (await readFrozen(log))?.value;
  if (frozen !== undefined) faults.push(`The log is frozen: ${frozen.reason}`);
  const known = verifierKey ?? heads.find((head) => head.verifierKey !== null)?.verifierKey;
  if (publishedSize === 0 || known === null || known === undefined) {
    faults.push("Nothing is published");
    return;
  }
  for (const { name, note, ...row } of heads) {
    if (row.verifierKey !== null && row.verifierKey !== known) {
      faults.push(`${name} is signed by another key`);
    }
    try {
      const verifier = ed25519Verifier(parseVerifierKey(known));
      const { size, root } = await openCheckpoint(note, log.origin, [verifier]);
      const ours = roots.get(row.size);
      if (size !== row.size || !equal(root, row.root)) {
        faults.push(`${name} is not what its note says`);
      }
      if (ours === undefined || !equal(ours, root)) {
        faults.push(`${name} is not a prefix of the log`);
      }
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      faults.push(`${name}: ${error.message}`);
    }
  }
}
