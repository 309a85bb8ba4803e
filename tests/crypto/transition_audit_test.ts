import { deepEqual, throws } from "node:assert/strict";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { CryptoError, type CryptoErrorCode } from "../../crypto/error.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import {
  type BatchPair,
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
} from "../../crypto/log_entry.ts";
import { encodeTransition } from "../../crypto/prefix_transition.ts";
import { buildTransition, prefixRoot } from "../../crypto/prefix_tree.ts";
import { type EpochAnswer, isRootIndex, verifyTransition } from "../../crypto/transition_audit.ts";
import { inclusionOf, leafHash, rootOf } from "../../crypto/tree.ts";
import { grown, leafOf, randomLeaves, treeOf } from "../support/prefix_forest.ts";
import { flipped } from "../support/people.ts";

interface Log {
  readonly entries: readonly Bytes[];
  readonly batches: readonly (readonly BatchPair[])[];
}

/** An honest log of three epochs. */
async function logOf(): Promise<Log> {
  const { publicKey } = await generateSigningKeyPair();
  const batches = [randomLeaves(3), randomLeaves(1), randomLeaves(128)];
  const entries: Bytes[] = [encodeConfig({
    vrfPublicKey: publicKey,
    operatorKey: publicKey,
    origin: "test.invalid/kt/1",
    maxBatch: 128,
    createdMs: 1_000,
  })];
  let tiles = treeOf([]);
  for (const batch of batches) {
    tiles = grown(tiles, batch);
    const timestampMs = 1_000 + entries.length;
    entries.push(
      encodeBatch(batch),
      encodeEpochRoot({ timestampMs, prefixRoot: prefixRoot(tiles) }),
    );
  }
  return { entries, batches };
}

function headOf({ entries }: Log): { size: number; root: Bytes } {
  return { size: entries.length, root: rootOf(entries.map(leafHash)) };
}

/** What an honest service answers about the epoch whose ROOT is the entry `index`. */
function answerOf({ entries, batches }: Log, index: number): EpochAnswer {
  const leaves = entries.map(leafHash);
  const proven = (i: number) => ({ entry: entries[i]!, hashes: inclusionOf(leaves, i) });
  const epoch = index / 2 - 1;
  const before = treeOf(batches.slice(0, epoch).flat());
  return {
    before: proven(index - 2),
    batch: proven(index - 1),
    root: proven(index),
    transition: encodeTransition(buildTransition(before, batches[epoch]!)),
  };
}

function refuses(work: () => unknown, code: CryptoErrorCode, what: string): void {
  throws(work, (error) => error instanceof CryptoError && error.code === code, what);
}

Deno.test("every epoch of an honest log is audited against any head that covers it", async () => {
  const log = await logOf();
  for (const [index, added] of [[2, 3], [4, 1], [6, 128]] as const) {
    const audited = verifyTransition(headOf(log), index, answerOf(log, index));
    deepEqual(audited, { timestampMs: 1_000 + index - 1, added });
    const early = { ...log, entries: log.entries.slice(0, index + 1) };
    deepEqual(verifyTransition(headOf(early), index, answerOf(early, index)), audited);
  }
});

Deno.test("an epoch that added something else than its BATCH says is found out", async () => {
  const honest = await logOf();
  const stranger = leafOf(new Uint8Array(32).fill(9));
  const log = { ...honest, entries: honest.entries.with(3, encodeBatch([stranger])) };
  const answer = answerOf(log, 4);
  // By chance the way of the stranger's key may end where that of the true one does.
  throws(() => verifyTransition(headOf(log), 4, answer), CryptoError, "the true transition");
  const before = treeOf(log.batches[0]!);
  const transition = encodeTransition(buildTransition(before, [stranger]));
  refuses(
    () => verifyTransition(headOf(log), 4, { ...answer, transition }),
    "bad_epoch",
    "one that fits the false BATCH",
  );
});

Deno.test("an epoch whose tree was altered beside its BATCH is found out", async () => {
  const honest = await logOf();
  const altered = treeOf([...honest.batches[0]!.slice(1), ...honest.batches[1]!]);
  const root = encodeEpochRoot({ timestampMs: 1_003, prefixRoot: prefixRoot(altered) });
  const log = { ...honest, entries: honest.entries.with(4, root) };
  refuses(() => verifyTransition(headOf(log), 4, answerOf(log, 4)), "bad_epoch", "removed a leaf");
});

Deno.test("an epoch that goes back in time is found out, also before the first one", async () => {
  const honest = await logOf();
  for (const [index, timestampMs] of [[2, 999], [4, 1_000]] as const) {
    const tiles = treeOf(honest.batches.slice(0, index / 2).flat());
    const root = encodeEpochRoot({ timestampMs, prefixRoot: prefixRoot(tiles) });
    const log = { ...honest, entries: honest.entries.with(index, root) };
    refuses(() => verifyTransition(headOf(log), index, answerOf(log, index)), "bad_epoch", "time");
  }
});

Deno.test("nothing of an answer is believed that does not lead to the head", async () => {
  const log = await logOf();
  const head = headOf(log);
  const good = answerOf(log, 4);
  for (const name of ["before", "batch", "root"] as const) {
    const { entry, hashes } = good[name];
    const bent = { ...good, [name]: { entry: flipped(entry, 8 * (entry.length - 1)), hashes } };
    refuses(() => verifyTransition(head, 4, bent), "bad_proof", name);
    const short = { ...good, [name]: { entry, hashes: hashes.slice(1) } };
    refuses(() => verifyTransition(head, 4, short), "bad_proof", name);
  }
  const swapped = { ...good, before: good.root, root: good.before };
  refuses(() => verifyTransition(head, 4, swapped), "bad_proof", "swapped");
  for (let bit = 0; bit < 8 * good.transition.length; bit += 7) {
    throws(
      () => verifyTransition(head, 4, { ...good, transition: flipped(good.transition, bit) }),
      CryptoError,
      `bit ${bit} of the transition`,
    );
  }
  const longer = { ...good, transition: concat(good.transition, Uint8Array.of(0)) };
  refuses(() => verifyTransition(head, 4, longer), "malformed", "a byte more");
});

Deno.test("only a ROOT within the head closes an epoch", async () => {
  const log = await logOf();
  const head = headOf(log);
  for (const index of [-2, 0, 1, 3, 5, 2.5, NaN, 2 ** 53, 8]) {
    refuses(() => verifyTransition(head, index, answerOf(log, 4)), "bad_proof", String(index));
  }
  // A BATCH in the place of a ROOT, each proved where it stands.
  deepEqual([0, 1, 2, 3, 4].filter(isRootIndex), [2, 4]);
});
