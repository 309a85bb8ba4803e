import assert from "node:assert/strict";
import { openWitnessRole, type WitnessAnswer, type WitnessRole } from "../../core/witness_role.ts";
import { toBase64 } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { openCheckpoint } from "../../crypto/checkpoint.ts";
import { cosignedAtMs, ed25519Cosigner, mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { formatSignatureLine, parseSignatureLines, signNote } from "../../crypto/note.ts";
import { noteVerifier } from "../../crypto/note_key.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { emptyRoot, leafHash } from "../../crypto/tree.ts";
import { keepRefusal, listRefusals, readWitnessHead } from "../../kv/witness_state.ts";
import {
  appendEpoch,
  appendEpochs,
  type AuditedLog,
  forkOf,
  FOUNDED_MS,
  makeAuditedLog,
  noteOf,
  requestOf,
} from "../support/audited_log.ts";

const W1 = ed25519Cosigner("witness.example/w1", await generateSigningKeyPair());
const W2 = await mlDsa44Cosigner("witness.example/w2", randomBytes(32));

interface Scene extends Disposable {
  readonly kv: Deno.Kv;
  readonly log: AuditedLog;
  readonly witness: WitnessRole;
  readonly said: string[];
  nowMs: number;
}

async function scene(): Promise<Scene> {
  const kv = await Deno.openKv(":memory:");
  const log = await makeAuditedLog();
  const said: string[] = [];
  const self: Scene = {
    kv,
    log,
    said,
    nowMs: FOUNDED_MS + 5_999,
    witness: openWitnessRole({
      kv,
      logKeys: [log.key],
      cosigners: [W1, W2],
      now: () => self.nowMs,
      report: (sentence) => said.push(sentence),
    }),
    [Symbol.dispose]: () => kv.close(),
  };
  return self;
}

function kindOf(answer: WitnessAnswer): string {
  return answer.kind === "conflict" ? `conflict ${answer.size}` : answer.kind;
}

async function answer(s: Scene, old: number, log = s.log, size?: number): Promise<string> {
  return kindOf(await s.witness.addCheckpoint(await requestOf(log, old, size)));
}

Deno.test("a head that its log signed is cosigned with every key, as of now", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  const answered = await s.witness.addCheckpoint(await requestOf(s.log, 0));
  assert.equal(answered.kind, "cosigned");
  const lines = (answered as { lines: string }).lines;
  const note = `${await noteOf(s.log)}${lines}`;
  const verifiers = [s.log.key, W1.key, W2.key].map(noteVerifier);
  const head = await openCheckpoint(note, s.log.origin, verifiers);
  assert.equal(head.note.signatures.length, 3);
  for (const line of parseSignatureLines(lines)) {
    assert.equal(cosignedAtMs(line, 0x04), FOUNDED_MS + 5_000);
  }
  // And shown to whoever asks, with the log's own signature.
  assert.equal(await s.witness.latest(s.log.origin), note);
  assert.equal(await s.witness.latest("other.example/kt/1"), null);
});

Deno.test("a log that grows is cosigned on, and so is an unchanged one", async () => {
  using s = await scene();
  for (const [old, size] of [[0, 1], [1, 3], [3, 301], [301, 301], [301, 513]] as const) {
    while (s.log.entries.length < size) appendEpoch(s.log);
    s.nowMs += 60_000;
    assert.equal(await answer(s, old), "cosigned");
  }
  // A clock that goes back makes no cosignature that is older than the last.
  s.nowMs -= 300_000;
  assert.equal(await timeOf(s, 513), FOUNDED_MS + 5_000 + 5 * 60_000);
});

Deno.test("a witness whose clock leapt a year ahead for once cosigns as of now when it is right again", async () => {
  using s = await scene();
  s.nowMs += 31_536_000_000;
  assert.equal(await timeOf(s, 0), FOUNDED_MS + 5_000 + 31_536_000_000);
  s.nowMs -= 31_536_000_000;
  assert.equal(await timeOf(s, 1), FOUNDED_MS + 5_000);
  s.nowMs -= 60_000;
  assert.equal(await timeOf(s, 1), FOUNDED_MS + 5_000);
});

Deno.test("a witness says that it knows nothing of a log by cosigning its empty tree, and remembers none", async () => {
  using s = await scene();
  const empty = `${s.log.origin}\n0\n${toBase64(emptyRoot())}\n`;
  const body = `old 0\n\n${await signNote(empty, [s.log.signer])}`;
  const answered = await s.witness.addCheckpoint(body);
  const [line] = parseSignatureLines((answered as { lines: string }).lines);
  assert.ok(await noteVerifier(W1.key).verify(utf8(empty), line!.signature));
  assert.equal(await s.witness.latest(s.log.origin), null);
  assert.equal(await answer(s, 0), "cosigned");
  assert.equal(kindOf(await s.witness.addCheckpoint(body)), "conflict 1");
});

Deno.test("an old size that is not ours is answered with ours", async () => {
  using s = await scene();
  appendEpochs(s.log, 10);
  assert.equal(await answer(s, 3), "conflict 0");
  assert.equal(await answer(s, 0, s.log, 15), "cosigned");
  for (const old of [0, 1, 14, 21]) assert.equal(await answer(s, old), "conflict 15");
  assert.equal(await answer(s, 3, s.log, 9), "conflict 15");
  assert.equal(await answer(s, 15), "cosigned");
});

Deno.test("what is no request is malformed", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  const body = await requestOf(s.log, 0);
  const hash = toBase64(emptyRoot());
  const bad: Record<string, string> = {
    "nothing": "",
    "no blank line": "old 0\n",
    "no old line": body.slice("old 0\n".length),
    "a leading zero": body.replace("old 0", "old 00"),
    "two spaces": body.replace("old 0", "old  0"),
    "a sign": body.replace("old 0", "old +0"),
    "a size of 2^53": body.replace("old 0", "old 9007199254740992"),
    "capitals": body.replace("old", "Old"),
    "a carriage return": body.replace("old 0", "old 0\r"),
    "a proof line that is no base64": body.replace("old 0\n", "old 0\n*\n"),
    "a proof line of 31 bytes": body.replace("old 0\n", `old 0\n${hash.slice(0, 40)}\n`),
    "a proof line twice as spelled": body.replace("old 0\n", `old 0\n${hash}=\n`),
    "64 proof lines": body.replace("old 0\n", `old 0\n${`${hash}\n`.repeat(64)}`),
    "no signature": body.slice(0, body.indexOf("\n— ")),
    "an old size larger than the head's": body.replace("old 0", "old 8"),
  };
  for (const [what, text] of Object.entries(bad)) {
    assert.equal(kindOf(await s.witness.addCheckpoint(text)), "malformed", what);
  }
  // 63 lines are within the limit, and then a proof that is wrong.
  const most = body.replace("old 0\n", `old 0\n${`${hash}\n`.repeat(63)}`);
  assert.equal(kindOf(await s.witness.addCheckpoint(most)), "inconsistent");
  assert.deepEqual(await s.witness.refusals(s.log.origin), []);
});

Deno.test("a log that is not known, and a head that its log did not sign, are told apart", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  const stranger = await makeAuditedLog("stranger.example/kt/1");
  assert.equal(await answer(s, 0, stranger), "unknown_log");
  const { signer } = await makeAuditedLog(s.log.origin);
  const impostor = { ...s.log, signer };
  assert.equal(await answer(s, 0, impostor), "untrusted");
  // The log's own key, with a bit of its signature changed.
  const body = await requestOf(s.log, 0);
  const at = body.length - 10;
  const other = body[at] === "A" ? "B" : "A";
  const forged = body.slice(0, at) + other + body.slice(at + 1);
  assert.equal(kindOf(await s.witness.addCheckpoint(forged)), "untrusted");
  assert.equal(await s.witness.latest(s.log.origin), null);
});

Deno.test("only the three lines of a checkpoint are cosigned", async () => {
  using s = await scene();
  const root = toBase64(leafHash(utf8("x")));
  const signed = (text: string): Promise<string> => signNote(text, [s.log.signer]);
  const texts = {
    [`${s.log.origin}\n7\n${root}\nextension\n`]: "malformed",
    [`${s.log.origin}\nseven\n${root}\n`]: "malformed",
    [`${s.log.origin}\n7\n`]: "malformed",
    // A tree without leaves has one root, and this one another (C2SP tlog-witness: 409).
    [`${s.log.origin}\n0\n${root}\n`]: "conflict 0",
    [`${s.log.origin}\n0\n${toBase64(emptyRoot())}\n`]: "cosigned",
  };
  for (const [text, kind] of Object.entries(texts)) {
    const answered = await s.witness.addCheckpoint(`old 0\n\n${await signed(text)}`);
    assert.equal(kindOf(answered), kind, text);
  }
});

Deno.test("a head that does not continue the last is not cosigned, with whatever proof", async () => {
  using s = await scene();
  appendEpochs(s.log, 5);
  const fork = forkOf(s.log);
  appendEpoch(s.log);
  appendEpoch(fork);
  assert.equal(await answer(s, 0), "cosigned");
  appendEpochs(fork, 2);
  assert.equal(await answer(s, 13, fork), "inconsistent");
  // A true log with a proof that lacks a hash, or has one too many.
  appendEpochs(s.log, 2);
  const lines = (await requestOf(s.log, 13)).split("\n");
  assert.equal(
    kindOf(await s.witness.addCheckpoint(lines.toSpliced(1, 1).join("\n"))),
    "inconsistent",
  );
  const more = lines.toSpliced(1, 0, lines[1]!).join("\n");
  assert.equal(kindOf(await s.witness.addCheckpoint(more)), "inconsistent");
  assert.equal(await answer(s, 13), "cosigned");
  // A proof where none belongs: from nothing, and between equal sizes.
  const same = (await requestOf(s.log, 17)).replace("old 17\n", `old 17\n${lines[1]}\n`);
  assert.equal(kindOf(await s.witness.addCheckpoint(same)), "inconsistent");
  // Only the other history's own proof shows that the log lied: anybody can send a wrong one.
  const notes = (await s.witness.refusals(s.log.origin)).map(({ note }) => note);
  assert.deepEqual(notes, [await noteOf(fork)]);
});

Deno.test("of two heads of one size the first is cosigned, and the second is kept as evidence", async () => {
  using s = await scene();
  const fork = forkOf(s.log);
  appendEpoch(s.log);
  appendEpoch(fork);
  assert.equal(await answer(s, 0), "cosigned");
  for (let i = 0; i < 3; i++) assert.equal(await answer(s, 3, fork), "conflict 3");
  const refusals = await s.witness.refusals(s.log.origin);
  assert.equal(refusals.length, 1);
  assert.equal(refusals[0]!.note, await noteOf(fork));
  assert.match(refusals[0]!.reason, /two heads of one size/);
  assert.match(s.said[0]!, /not cosigned/);
  assert.equal(
    (await openCheckpoint((await s.witness.latest(s.log.origin))!, s.log.origin, [
      noteVerifier(s.log.key),
    ])).size,
    3,
  );
});

Deno.test("a larger head of another history is kept as evidence where its own proof leads to it", async () => {
  using s = await scene();
  appendEpoch(s.log);
  const fork = forkOf(s.log);
  appendEpochs(s.log, 1);
  assert.equal(await answer(s, 0), "cosigned");
  appendEpochs(fork, 3);
  assert.equal(await answer(s, 5, fork), "inconsistent");
  const [refusal, ...others] = await s.witness.refusals(s.log.origin);
  assert.deepEqual(others, []);
  assert.equal(refusal!.note, await noteOf(fork));
  assert.match(refusal!.reason, /another history/);
  // A proof that leads nowhere is anybody's.
  appendEpochs(fork, 1);
  const body = await requestOf(fork, 5);
  const other = toBase64(new Uint8Array(32).fill(7));
  const lines = body.split("\n");
  lines[1] = other;
  assert.equal((await s.witness.addCheckpoint(lines.join("\n"))).kind, "inconsistent");
  assert.equal((await s.witness.refusals(s.log.origin)).length, 1);
});

Deno.test("nobody fills up the place of a fork with heads that are refused for less", async () => {
  using s = await scene();
  const log = { kv: s.kv, origin: s.log.origin };
  for (let i = 0; i < 100; i++) {
    const refusal = { reason: "a test", atMs: i, note: "", isFork: false };
    await keepRefusal(log, randomBytes(32), refusal);
  }
  const fork = forkOf(s.log);
  appendEpoch(s.log);
  appendEpoch(fork);
  assert.equal(await answer(s, 0), "cosigned");
  assert.equal(await answer(s, 3, fork), "conflict 3");
  const refusals = await s.witness.refusals(s.log.origin);
  assert.equal(refusals.length, 100);
  assert.equal(refusals.filter(({ isFork }) => isFork).length, 1);
});

Deno.test("a fork that is shown again and again takes one place", async () => {
  using s = await scene();
  const log = { kv: s.kv, origin: s.log.origin };
  const fork = forkOf(s.log);
  appendEpoch(s.log);
  appendEpoch(fork);
  assert.equal(await answer(s, 0), "cosigned");
  assert.equal(await answer(s, 3, fork), "conflict 3");
  const kept = async () => await s.witness.refusals(s.log.origin);
  const [first] = await kept();
  for (let i = 0; i < 99; i++) {
    const refusal = { reason: "a broken rule", atMs: i, note: "", isFork: false };
    await keepRefusal(log, randomBytes(32), refusal);
  }
  const before = await kept();
  assert.equal(before.length, 100);
  s.nowMs += 1_000;
  for (let i = 0; i < 5; i++) assert.equal(await answer(s, 3, fork), "conflict 3");
  assert.deepEqual(await kept(), before);
  assert.ok((await kept()).some(({ atMs }) => atMs === first!.atMs));
  // A head that was refused for less takes its own place where it is a fork.
  const digest = randomBytes(32);
  await keepRefusal({ ...log, origin: "other" }, digest, { ...first!, isFork: false });
  await keepRefusal({ ...log, origin: "other" }, digest, { ...first!, isFork: true });
  await keepRefusal({ ...log, origin: "other" }, digest, { ...first!, isFork: false });
  const others = await listRefusals({ ...log, origin: "other" });
  assert.deepEqual(others.map(({ isFork }) => isFork), [true]);
});

Deno.test("of many heads at once each is cosigned in its turn, and none takes the log back", async () => {
  using s = await scene();
  appendEpochs(s.log, 20);
  const sizes = Array.from({ length: 20 }, (_, i) => 2 * i + 3);
  const answers = await Promise.all(sizes.map((size) => answer(s, 0, s.log, size)));
  assert.equal(answers.filter((kind) => kind === "cosigned").length, 1);
  // Two witnesses on one store, as after a restart: the store's check decides.
  const parts = { kv: s.kv, logKeys: [s.log.key], cosigners: [W1], now: () => s.nowMs };
  const two = [0, 1].map(() => openWitnessRole({ ...parts, report: () => {} }));
  let old = await sizeOf(s);
  while (old < 39) {
    const bodies = await Promise.all([old + 2, 41].map((size) => requestOf(s.log, old, size)));
    const both = await Promise.all(two.map((one, i) => one.addCheckpoint(bodies[i]!)));
    const won = both.findIndex(({ kind }) => kind === "cosigned");
    const next = won === 0 ? old + 2 : 41;
    assert.deepEqual(
      both.map(kindOf),
      won === 0 ? ["cosigned", `conflict ${next}`] : [`conflict ${next}`, "cosigned"],
    );
    assert.equal(await sizeOf(s), next);
    old = next;
  }
});

Deno.test("a log with two keys is believed by either, and neither may sign wrongly", async () => {
  const kv = await Deno.openKv(":memory:");
  const log = await makeAuditedLog();
  const second = await mlDsa44Cosigner(log.origin, randomBytes(32));
  const witness = openWitnessRole({
    kv,
    logKeys: [log.key, second.key, log.key],
    cosigners: [W1],
    now: () => FOUNDED_MS,
    report: () => {},
  });
  assert.deepEqual(witness.origins, [log.origin]);
  const note = await noteOf(log);
  const text = note.slice(0, note.indexOf("\n\n") + 1);
  const line = await second.sign(text, 1);
  const both = `old 0\n\n${note}${formatSignatureLine(line)}`;
  line.signature[50]! ^= 1;
  const bad = `old 0\n\n${note}${formatSignatureLine(line)}`;
  assert.equal(kindOf(await witness.addCheckpoint(bad)), "untrusted");
  assert.equal(kindOf(await witness.addCheckpoint(both)), "cosigned");
  kv.close();
});

/** As of when it cosigns the head of this log. */
async function timeOf(s: Scene, old: number): Promise<number | null> {
  const answered = await s.witness.addCheckpoint(await requestOf(s.log, old));
  const [line] = parseSignatureLines((answered as { lines: string }).lines);
  return cosignedAtMs(line!, 0x04);
}

async function sizeOf({ kv, log }: Scene): Promise<number> {
  return (await readWitnessHead({ kv, origin: log.origin }))!.value.size;
}
