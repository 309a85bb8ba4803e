/**
 * The heads that others are shown.
 *
 *     ["log", origin, "published"] -> Published     the newest that meets the witness policy
 *     ["log", origin, "audited"]   -> Published     the newest of those that an auditor cosigned
 *
 * Both only move forward: to a larger tree, or to a fresher note of the same one. Notes are stored as
 * UTF-8: as a text, whose signature lines begin with a dash, a note would take two bytes a character,
 * and a value holds 64 KiB.
 *
 * @module
 */

import { type Bytes, equal, utf8 } from "../crypto/bytes.ts";
import { checkNotFrozen } from "./frozen.ts";
import { logKey, type LogStore, readRow, type Row } from "./log_key.ts";
import { commit } from "./transact.ts";

/** A signed head. */
export interface Published {
  /** Entries of the log that it covers; odd. */
  readonly size: number;
  /** Root of the tree, 32 bytes. */
  readonly root: Bytes;
  /** The checkpoint's note with its cosignatures, as clients get it. */
  readonly note: string;
  /** The key that signed it, `name+hash+key`, for whoever audits the store alone. */
  readonly verifierKey: string;
}

/** A signed head as it is stored. */
export type PublishedRow = Omit<Published, "note"> & { readonly note: Bytes };

/** The published head, or null where nothing was published yet. */
export function readPublished(log: LogStore): Promise<Row<Published> | null> {
  return readNoted(log, "published");
}

/** The newest published head that an auditor cosigned, or null where there is none. */
export function readAudited(log: LogStore): Promise<Row<Published> | null> {
  return readNoted(log, "audited");
}

/** The row of one of the two, as it is, for whoever does not believe that it is whole. */
export function readPublishedRow(
  log: LogStore,
  table: "published" | "audited",
): Promise<Row<PublishedRow> | null> {
  return readRow<PublishedRow>(log, logKey(log, table));
}

/** What a row says. */
export function publishedOf(row: PublishedRow): Published {
  return { ...row, note: new TextDecoder().decode(row.note) };
}

async function readNoted(
  log: LogStore,
  table: "published" | "audited",
): Promise<Row<Published> | null> {
  const row = await readPublishedRow(log, table);
  return row === null ? null : { ...row, value: publishedOf(row.value) };
}

/** Takes the published head away, where its row is damaged. */
export function deletePublished(log: LogStore): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "published") };
}

/** Takes the audited head away, where it is damaged, or of no history that goes on. */
export function deleteAudited(log: LogStore): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "audited") };
}

/** Sets the published head, and the audited one where an auditor cosigned it. */
export function writePublished(
  log: LogStore,
  head: Published,
  isAudited: boolean,
): Deno.KvMutation[] {
  const value: PublishedRow = { ...head, note: utf8(head.note) };
  return (isAudited ? ["published", "audited"] : ["published"])
    .map((table) => ({ type: "set", key: logKey(log, table), value }));
}

/**
 * Replaces the published head by a larger one, or by a fresher note of the same tree.
 *
 * @param isAudited whether the note has an auditor's cosignature
 * @returns whether it is certain that it was replaced; otherwise read again
 */
export async function movePublished(
  log: LogStore,
  from: Row<Published> | null,
  to: Published,
  isAudited = false,
): Promise<boolean> {
  const before = from?.value;
  if (before !== undefined && to.size <= before.size) {
    const isSame = to.size === before.size && equal(to.root, before.root);
    if (!isSame || to.note === before.note) {
      throw new Error("bug: a published head that would not move forward");
    }
  }
  const check = { key: logKey(log, "published"), versionstamp: from?.versionstamp ?? null };
  const checks = [check, checkNotFrozen(log)];
  return await commit(log.kv, checks, writePublished(log, to, isAudited)) === "committed";
}
