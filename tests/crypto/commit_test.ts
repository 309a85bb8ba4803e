import assert from "node:assert/strict";
import { type Bytes, equal } from "../../crypto/bytes.ts";
import {
  checkFirst,
  checkNext,
  type Commit,
  commitHash,
  type CommitType,
  encodeCommit,
  MAX_PAUSE_MS,
  MAX_STEP,
  openCommit,
  signCommit,
  type SignedCommit,
} from "../../crypto/commit.ts";
import { openHeartbeat, signHeartbeat } from "../../crypto/group_message.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../../crypto/keys.ts";
import { generateEd25519 } from "../../crypto/primitives.ts";
import { changed, type Roster, type RosterChange, rosterHash } from "../../crypto/roster.ts";
import { encodeSnapshot, openSnapshot } from "../../crypto/snapshot.ts";

const CALL_ID: Bytes = new Uint8Array(16).fill(1);
const ENTRIES = [0, 1, 2, 3].map((i) => new Uint8Array(32).fill(16 + i));
const ROSTER: Roster = [0, 1, 2].map((index) => ({ index, entry: ENTRIES[index]! }));
const NOBODY: RosterChange = { removed: [], added: [] };
const pairs: readonly SigningKeyPair[] = await Promise.all(ENTRIES.map(async () => {
  const { publicKey, privateKey } = await generateEd25519(false);
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}));
const keyOf = (entry: Bytes) =>
  pairs[ENTRIES.findIndex((one) => equal(one, entry))]?.publicKey ?? null;

const head = { commit: signed(commit("join", 3, 4, {})), roster: ROSTER };

Deno.test("a commit that was signed opens as it was, and no bit of it may change", async () => {
  const change = { removed: [2], added: [{ index: 5, entry: ENTRIES[3]! }] };
  const body = commit("leave", 4, 0, { change });
  const wire = await signCommit(body, pairs[0]!);
  const opened = await openCommit(wire, keyOf);
  assert.deepEqual({ ...opened }, { ...body, hash: commitHash(body), wire });
  for (let bit = 0; bit < wire.length * 8; bit++) {
    const wrong = wire.slice();
    wrong[bit >> 3]! ^= 1 << (bit & 7);
    await assert.rejects(openCommit(wrong, keyOf), { name: "CryptoError" });
  }
  for (let length = 0; length < wire.length; length++) {
    await assert.rejects(openCommit(wire.slice(0, length), keyOf), { name: "CryptoError" });
  }
  await assert.rejects(openCommit(wire, () => null), { code: "bad_signature" });
  const byAnother = await signCommit(body, pairs[1]!);
  await assert.rejects(openCommit(byAnother, keyOf), { code: "bad_signature" });
});

Deno.test("a commit follows on the one before: the next number, its hash, its call, its time", () => {
  assert.equal(checkNext(head, next("timer", 3, 5)).length, 3);
  assert.equal(checkNext(head, next("timer", 4, 0)).length, 3);
  for (const [epoch, step] of [[3, 4], [3, 6], [4, 1], [5, 0], [2, 0], [3, 3], [4, 5]] as const) {
    refused(next("timer", epoch, step));
  }
  refused(next("timer", 3, 5, { prevHash: new Uint8Array(32) }));
  refused(next("timer", 3, 5, { callId: new Uint8Array(16) }));
  const { timeMs } = head.commit;
  refused(next("timer", 3, 5, { timeMs: timeMs - 1 }));
  checkNext(head, next("timer", 3, 5, { timeMs: timeMs + MAX_PAUSE_MS }));
  refused(next("timer", 3, 5, { timeMs: timeMs + MAX_PAUSE_MS + 1 }));
  const last = { commit: signed(commit("timer", 3, MAX_STEP, {})), roster: ROSTER };
  const beyond = commit("timer", 3, MAX_STEP + 1, { prevHash: last.commit.hash });
  assert.throws(() => checkNext(last, beyond), { code: "bad_commit" });
});

Deno.test("each kind of commit does what it is for, to the roster that it names", () => {
  const joins = { removed: [], added: [{ index: 3, entry: ENTRIES[3]! }] };
  const leaves = { removed: [2], added: [] };
  assert.equal(checkNext(head, next("join", 3, 5, { change: joins })).length, 4);
  assert.equal(checkNext(head, next("leave", 4, 0, { change: leaves })).length, 2);
  refused(next("leave", 3, 5, { change: leaves }));
  refused(next("join", 3, 5));
  refused(next("leave", 4, 0));
  refused(next("timer", 4, 0, { change: leaves }));
  refused(next("timer", 3, 5, { change: joins }));
  refused(next("join", 4, 0, { change: { ...joins, removed: [2] } }));
  refused(next("create", 4, 0));
  refused(next("leave", 4, 0, { change: { removed: [7], added: [] } }));
  refused(
    next("join", 3, 5, { change: { removed: [], added: [{ index: 2, entry: ENTRIES[3]! }] } }),
  );
  refused(
    next("join", 3, 5, { change: { removed: [], added: [{ index: 3, entry: ENTRIES[0]! }] } }),
  );
  refused(next("join", 3, 5, { change: joins, rosterHash: rosterHash(CALL_ID, ROSTER) }));
  refused(next("leave", 4, 0, { change: { removed: [0], added: [] } }));
});

Deno.test("a commit is the committer's; another's only where all before it leave, or as a handover after 2 s", () => {
  const gone = (...removed: number[]) => ({ change: { removed, added: [] } });
  const by = (index: number) => ({ signer: ENTRIES[index]! });
  refused(next("timer", 3, 5, by(1)));
  refused(next("leave", 4, 0, { ...by(1), ...gone(2) }));
  refused(next("leave", 4, 0, { ...by(2), ...gone(0) }));
  checkNext(head, next("leave", 4, 0, { ...by(1), ...gone(0) }));
  checkNext(head, next("leave", 4, 0, { ...by(2), ...gone(0, 1) }));
  const { timeMs } = head.commit;
  refused(next("handover", 4, 0, { ...by(1), timeMs: timeMs + 1_999 }));
  checkNext(head, next("handover", 4, 0, { ...by(1), timeMs: timeMs + 2_000 }));
  checkNext(head, next("handover", 4, 0, { ...by(2), timeMs: timeMs + 2_000 }));
  refused(next("handover", 4, 0, { ...by(3), timeMs: timeMs + 2_000 }));
  refused(next("handover", 3, 5, { ...by(1), timeMs: timeMs + 2_000 }));
});

Deno.test("a call begins with the roster of whoever begins it", () => {
  const change = { removed: [], added: [{ index: 0, entry: ENTRIES[0]! }] };
  const zeros = { prevHash: new Uint8Array(32), change };
  const first = (over: Partial<Commit>) => commit("create", 1, 0, { ...zeros, ...over }, []);
  assert.deepEqual(checkFirst(CALL_ID, first({})), change.added);
  for (
    const wrong of [
      { epoch: 2 },
      { step: 1 },
      { type: "timer" },
      { prevHash: new Uint8Array(32).fill(1) },
      { signer: ENTRIES[1]! },
      { callId: new Uint8Array(16) },
      { timeMs: Number.MAX_SAFE_INTEGER },
    ] as const
  ) assert.throws(() => checkFirst(CALL_ID, first(wrong)), { code: "bad_commit" });
});

Deno.test("a snapshot proves its roster, and a heartbeat its head", async () => {
  const body = commit("join", 3, 4, {});
  const opened = await openCommit(await signCommit(body, pairs[0]!), keyOf);
  const bytes = encodeSnapshot({ commit: opened, roster: ROSTER });
  const snapshot = await openSnapshot(bytes, keyOf);
  assert.deepEqual(snapshot.roster, ROSTER);
  const other = encodeSnapshot({ commit: opened, roster: ROSTER.slice(0, 2) });
  await assert.rejects(openSnapshot(other, keyOf), { code: "bad_commit" });
  await assert.rejects(openSnapshot(bytes.slice(0, -1), keyOf), { code: "malformed" });

  const beat = { callId: CALL_ID, order: 4, hash: opened.hash, timeMs: 9, signer: ENTRIES[1]! };
  const wire = await signHeartbeat(beat, pairs[1]!);
  assert.deepEqual({ ...await openHeartbeat(wire, keyOf) }, beat);
  for (let at = 0; at < wire.length; at++) {
    const wrong = wire.slice();
    wrong[at]! ^= 1;
    await assert.rejects(openHeartbeat(wrong, keyOf), { name: "CryptoError" });
  }
});

function refused(commit: Commit): void {
  assert.throws(() => checkNext(head, commit), { code: "bad_commit" });
}

function next(type: CommitType, epoch: number, step: number, over: Partial<Commit> = {}): Commit {
  return commit(type, epoch, step, { prevHash: head.commit.hash, ...over });
}

function commit(
  type: CommitType,
  epoch: number,
  step: number,
  over: Partial<Commit>,
  before: Roster = ROSTER,
): Commit {
  const change = over.change ?? NOBODY;
  const roster = changed(before, change) ?? before;
  return {
    callId: CALL_ID,
    epoch,
    step,
    type,
    rosterHash: rosterHash(CALL_ID, roster),
    prevHash: new Uint8Array(32).fill(5),
    timeMs: 1_000_000,
    signer: ENTRIES[0]!,
    change,
    ...over,
  };
}

/** As if it had come from the room. */
function signed(commit: Commit): SignedCommit {
  return { ...commit, hash: commitHash(commit), wire: encodeCommit(commit) } as SignedCommit;
}
