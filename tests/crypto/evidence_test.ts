import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import { judgeEvidence, type Judgement } from "../../crypto/evidence.ts";
import { formatEvidence, parseEvidence } from "../../crypto/evidence_text.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import { buildConsistency, leafHash, planConsistency, rootOf } from "../../crypto/tree.ts";
import { appendEpochs, type AuditedLog, makeAuditedLog, noteOf } from "../support/audited_log.ts";

/** The log founded a second time under the same key, with another CONFIG. */
async function foundedAgain(log: AuditedLog): Promise<AuditedLog> {
  const { entries, tiles } = await makeAuditedLog(log.origin);
  return { ...log, entries, tiles };
}

/** The honest proof of a log that it continues its own head of a size. */
function proofFrom(log: AuditedLog, from: number): Bytes[] {
  const leaves = log.entries.map(leafHash);
  const hashes = planConsistency(from, leaves.length).map(({ level, index }) =>
    rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
  );
  return buildConsistency(from, leaves.length, hashes);
}

/** Judges a head of size 1 beside a larger log's, once the evidence was written and read. */
async function judge(
  older: AuditedLog,
  newer: AuditedLog,
  consistency: readonly Bytes[],
): Promise<Judgement> {
  const [first, second] = [await noteOf(older, 1), await noteOf(newer)];
  const text = formatEvidence({ kind: "heads", first, second, consistency });
  const policy = logOnlyPolicy(newer.key);
  return await judgeEvidence({ origin: newer.origin, policy }, parseEvidence(text));
}

Deno.test("a log that was founded twice under one key is convicted by what the larger one has as its first entry", async () => {
  const one = await makeAuditedLog();
  const two = await foundedAgain(one);
  for (let epochs = 1; epochs <= 9; epochs++) {
    appendEpochs(two, 1);
    const proof = proofFrom(two, 1);
    const itsFirst = leafHash(two.entries[0]!);
    assert.equal(await judge(one, two, [itsFirst, ...proof]), "forked");
    assert.equal(await judge(two, two, [itsFirst, ...proof]), "consistent");
    assert.equal(await judge(two, two, proof), "consistent");
    // The proof alone begins with the older root, whichever it is.
    assert.equal(await judge(one, two, proof), "unexplained");
  }
});

Deno.test("no hash in front of a proof convicts a log that has one history", async () => {
  const log = await makeAuditedLog();
  appendEpochs(log, 5);
  const leaves = log.entries.map(leafHash);
  const proof = proofFrom(log, 1);
  const other = leafHash(new Uint8Array(1));
  for (const hash of [other, rootOf(leaves), leaves[1]!, rootOf(leaves.slice(0, 2)), ...proof]) {
    assert.equal(await judge(log, log, [hash, ...proof]), "unexplained");
  }
  // An inner node in the place of the first entry, and a path that is as much shorter.
  const inner = rootOf(leaves.slice(0, 2));
  assert.equal(await judge(log, log, [inner, ...proof.slice(1)]), "unexplained");
  for (const consistency of [[], [leaves[0]!], [other, leaves[0]!, ...proof]]) {
    assert.equal(await judge(log, log, consistency), "unexplained");
  }
});
