/**
 * The heads of a log in their order: published, signed, committed. Each continues the one before, and
 * what was seen once never goes back.
 *
 *     published <= signed <= committed      each a prefix of the next
 *
 * They are read in this order too, so that another instance can only have moved the later ones. What
 * was seen is remembered, because a store that is rolled back under a running service forgets it.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { type Head, readHead } from "../kv/head.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import { type Published, readPublished } from "../kv/published.ts";
import { readSigned, type SignedHead } from "../kv/signed_head.ts";
import { type Freeze, type TreeHead } from "./freeze.ts";

/** The heads as they were read. */
export interface Heads {
  /** What clients are shown, or null before anything was. */
  readonly published: Row<Published> | null;
  /** What was signed for the witnesses, or null. */
  readonly signed: Row<SignedHead> | null;
  /** What is committed. */
  readonly head: Head;
}

/** Reads heads, and freezes the log where they contradict each other or what was seen. */
export interface HeadWatch {
  /** The heads, once they were found sound. @throws ServiceError `log_frozen`; StoreError */
  read(): Promise<Heads>;
  /** Requires that a committed head is none of the past. @throws ServiceError `log_frozen`; StoreError */
  requireBuildable(head: TreeHead): Promise<void>;
  /** How much of the log is known to be published. */
  publishedSize(): number;
  /** Remembers a head that this process published. */
  sawPublished(head: TreeHead): void;
  /** Remembers a head that this process signed, whatever becomes of it. */
  sawSigned(head: TreeHead): void;
}

/** Watches the heads of a log. */
export function watchHeads(log: LogStore, freeze: Freeze): HeadWatch {
  /** The published row, the signed row, and what this process signed itself. */
  const seen: { published: TreeHead | null; signed: TreeHead | null; own: TreeHead | null } = {
    published: null,
    signed: null,
    own: null,
  };

  /** Requires that a row did not go back since it was read last. */
  async function requireForward(row: "published" | "signed", now: TreeHead | null): Promise<void> {
    const before = seen[row];
    if (before !== null) {
      if (now === null) throw await freeze.freeze(`The ${row} head is gone`);
      await freeze.requireExtends(before, now, `The ${row} head`);
    }
    seen[row] = now;
  }

  async function read(): Promise<Heads> {
    await freeze.look();
    const published = await readPublished(log);
    const signed = await readSigned(log);
    const head = (await readHead(log))?.value;
    if (head === undefined) throw await freeze.freeze("The store has no head");
    await requireForward("published", published?.value ?? null);
    await requireForward("signed", signed?.value ?? null);
    let last: TreeHead | null = null;
    for (const known of [seen.published, seen.signed, seen.own]) {
      if (known === null || last !== null && isSame(known, last)) continue;
      await freeze.requireExtends(known, head, "The committed head");
      last = known;
    }
    return { published, signed, head };
  }

  async function requireBuildable(head: TreeHead): Promise<void> {
    await freeze.look();
    for (const known of [seen.published, seen.signed, seen.own]) {
      if (known === null || head.size > known.size) continue;
      // Read again, since it may have been overtaken while it was read. Only a smaller size or another
      // root is of the past; whatever is larger is proved before it is signed.
      const now = (await readHead(log))?.value ?? head;
      await freeze.requireExtends(known, now, "The committed head");
    }
  }

  return {
    read,
    requireBuildable,
    publishedSize: () => seen.published?.size ?? 0,
    sawPublished: ({ size, root }) => void (seen.published = { size, root }),
    sawSigned: ({ size, root }) => void (seen.own = { size, root }),
  };
}

function isSame(a: TreeHead, b: TreeHead): boolean {
  return a.size === b.size && equal(a.root, b.root);
}
