import assert from "node:assert/strict";
import { openAuditor } from "../../core/auditor.ts";
import { openLogSource } from "../../core/log_source.ts";
import { bundleAt, tileAt } from "../../core/log_read.ts";
import { openWitnessRole, type WitnessAnswer, type WitnessRole } from "../../core/witness_role.ts";
import { type Bytes, compare, concat } from "../../crypto/bytes.ts";
import { ed25519Cosigner } from "../../crypto/cosignature.ts";
import { decodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import {
  type BatchPair,
  decodeBatch,
  encodeBatch,
  encodeEpochRoot,
} from "../../crypto/log_entry.ts";
import { prefixRoot } from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { leafHash, rootOf } from "../../crypto/tree.ts";
import { readHead } from "../../kv/head.ts";
import {
  appendEpoch,
  appendEpochs,
  type AuditedLog,
  forkOf,
  FOUNDED_MS,
  makeAuditedLog,
  noteOf,
  randomPair,
  requestOf,
  serveAudited,
} from "../support/audited_log.ts";

const COSIGNER = ed25519Cosigner("auditor.example", await generateSigningKeyPair());

interface Scene extends Disposable {
  readonly kv: Deno.Kv;
  readonly log: AuditedLog;
  readonly auditor: WitnessRole;
  /** What the log serves, which may be another's. */
  served: AuditedLog;
  /** Files that were asked for. */
  readonly asked: string[];
  isDown: boolean;
  nowMs: number;
}

async function scene(given?: AuditedLog): Promise<Scene> {
  const kv = await Deno.openKv(":memory:");
  const log = given ?? await makeAuditedLog();
  const asked: string[] = [];
  const self: Scene = {
    kv,
    log,
    served: log,
    asked,
    isDown: false,
    nowMs: FOUNDED_MS + 100_000,
    auditor: openWitnessRole({
      kv,
      logKeys: [log.key],
      cosigners: [COSIGNER],
      now: () => self.nowMs,
      report: () => {},
      examine: openAuditor({
        log: { kv, origin: log.origin },
        source: openLogSource("http://log.invalid/log/", {
          fetch: (input) => {
            asked.push(String(input));
            if (self.isDown) return Promise.reject(new TypeError("down"));
            return serveAudited(self.served)(input);
          },
        }),
        now: () => self.nowMs,
      }),
    }),
    [Symbol.dispose]: () => kv.close(),
  };
  return self;
}

async function ask(s: Scene, old: number, log = s.log, size?: number): Promise<WitnessAnswer> {
  return await s.auditor.addCheckpoint(await requestOf(log, old, size));
}

/** Requires that the head is refused, for a reason that is then remembered with the head. */
async function refuses(s: Scene, old: number, reason: RegExp): Promise<void> {
  const answer = await ask(s, old);
  assert.equal(answer.kind, "inconsistent", JSON.stringify(answer));
  assert.match((answer as { reason: string }).reason, reason);
  const note = await noteOf(s.log);
  const kept = (await s.auditor.refusals(s.log.origin)).filter((refusal) => refusal.note === note);
  assert.equal(kept.length, 1);
  assert.match(kept[0]!.reason, reason);
}

Deno.test("an honest log is replayed and cosigned, step by step and from far behind", async () => {
  using s = await scene();
  assert.equal((await ask(s, 0)).kind, "cosigned");
  appendEpoch(s.log, Array.from({ length: 128 }, randomPair));
  assert.equal((await ask(s, 1)).kind, "cosigned");
  appendEpochs(s.log, 1300); // past the first eight bundles
  assert.equal((await ask(s, 3)).kind, "cosigned");
  const head = (await readHead({ kv: s.kv, origin: s.log.origin }))!.value;
  assert.equal(head.size, 2603);
  assert.deepEqual(head.prefixRoot, prefixRoot(s.log.tiles));
  assert.deepEqual(head.root, rootOf(s.log.entries.map(leafHash)));
  // An unchanged log is cosigned again without reading anything.
  s.asked.length = 0;
  assert.equal((await ask(s, 2603)).kind, "cosigned");
  assert.deepEqual(s.asked, []);
});

Deno.test("the mirror has the log's very files", async () => {
  using s = await scene();
  appendEpochs(s.log, 300);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  const store = { kv: s.kv, origin: s.log.origin };
  const serve = serveAudited(s.log);
  const of = async (path: string): Promise<Bytes> =>
    new Uint8Array(await (await serve(`http://x/log/tile/${path}`)).arrayBuffer());
  assert.deepEqual(await tileAt(store, { level: 0, index: 1, width: 256 }), await of("0/001"));
  assert.deepEqual(await tileAt(store, { level: 1, index: 0, width: 2 }), await of("1/000.p/2"));
  const bundle = await bundleAt(store, 2, 89);
  assert.deepEqual(decodeEntryBundle(bundle, 89).at(-1), s.log.entries[600]);
  assert.deepEqual(bundle, await of("entries/002.p/89"));
});

Deno.test("a ROOT that is not the function of its BATCHes is refused, and nothing after it cosigned", async () => {
  using s = await scene();
  appendEpochs(s.log, 4);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  appendEpoch(s.log);
  appendEpoch(s.log, [randomPair()], { prefixRoot: randomBytes(32) });
  appendEpoch(s.log);
  await refuses(s, 9, /Entry 12 of the log is not the root of the tree that the BATCHes make/);
  appendEpochs(s.log, 3);
  await refuses(s, 9, /Entry 12/);
  assert.match((await s.auditor.latest(s.log.origin))!, /^audited\.example\/kt\/1\n9\n/);
});

Deno.test("a name that is altered or removed shows in the next ROOT", async () => {
  using s = await scene();
  appendEpochs(s.log, 4);
  const [victim] = decodeBatch(s.log.entries[3]!);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  // A tree that never had the victim, and one in which another commitment stands in its place.
  for (const instead of [[], [{ ...victim!, commitment: randomBytes(32) }]]) {
    const fork = forkOf(s.log);
    const others = [1, 5, 7].flatMap((index) => decodeBatch(s.log.entries[index]!));
    const added = randomPair();
    const other = await makeAuditedLog();
    appendEpoch(other, [...others, ...instead, added]);
    fork.entries.push(
      encodeBatch([added]),
      encodeEpochRoot({ timestampMs: FOUNDED_MS + 50, prefixRoot: prefixRoot(other.tiles) }),
    );
    s.served = fork;
    const answer = await ask(s, 9, fork);
    assert.match(JSON.stringify(answer), /Entry 10 of the log is not the root/);
  }
});

Deno.test("a ROOT that goes back in time is refused", async () => {
  using s = await scene();
  appendEpoch(s.log, [randomPair()], { timestampMs: FOUNDED_MS + 500 });
  appendEpoch(s.log, [randomPair()], { timestampMs: FOUNDED_MS + 500 });
  assert.equal((await ask(s, 0)).kind, "cosigned");
  appendEpoch(s.log, [randomPair()], { timestampMs: FOUNDED_MS + 499 });
  await refuses(s, 5, /Entry 6 of the log goes back in time/);

  using before = await scene();
  appendEpoch(before.log, [randomPair()], { timestampMs: FOUNDED_MS - 1 });
  await refuses(before, 0, /Entry 2 of the log goes back in time/);
});

Deno.test("a ROOT that is ahead of its time is no lie: the auditor waits for that time, and cosigns", async () => {
  using s = await scene();
  appendEpoch(s.log, [randomPair()], { timestampMs: FOUNDED_MS + 400_000 });
  assert.equal((await ask(s, 0)).kind, "cosigned");
  appendEpoch(s.log, [randomPair()], { timestampMs: FOUNDED_MS + 86_400_000 });
  const reason = "Entry 4 of the log is dated more than five minutes ahead";
  assert.deepEqual(await ask(s, 3), { kind: "unavailable", reason });
  assert.deepEqual(await s.auditor.refusals(s.log.origin), []);
  s.nowMs = FOUNDED_MS + 86_100_000;
  assert.equal((await ask(s, 3)).kind, "cosigned");
});

Deno.test("an index that is inserted twice is refused, with the same value or another", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  const [pair] = decodeBatch(s.log.entries[1]!);
  for (const again of [pair!, { ...pair!, commitment: randomBytes(32) }]) {
    const fork = forkOf(s.log);
    const batch: BatchPair[] = [again, randomPair()];
    batch.sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
    const timestampMs = FOUNDED_MS + 50;
    fork.entries.push(
      encodeBatch(batch),
      encodeEpochRoot({ timestampMs, prefixRoot: prefixRoot(s.log.tiles) }),
    );
    s.served = fork;
    const answer = await ask(s, 7, fork);
    assert.match(JSON.stringify(answer), /Entry 7 of the log inserts an index a second time/);
  }
});

Deno.test("a log that serves other entries than it signed for is refused", async () => {
  using s = await scene();
  appendEpochs(s.log, 300);
  for (const at of [0, 1, 2, 299, 598, 600]) {
    const forged = forkOf(s.log);
    forged.entries[at] = concat(forged.entries[at]!);
    forged.entries[at]!.set([forged.entries[at]!.at(-1)! ^ 1], forged.entries[at]!.length - 1);
    // Its tiles are those of the true log, as a liar's would be.
    const [entries, tiles] = [serveAudited(forged), serveAudited(s.log)];
    using other = await scene(s.log);
    const served = (input: string | URL | Request): Promise<Response> =>
      (String(input).includes("/entries/") ? entries : tiles)(input);
    const answer = await withSource(other, served);
    assert.equal(answer.kind, "inconsistent");
    assert.match(JSON.stringify(answer), /serves other entries than it signed for/);
    assert.equal(await readHead({ kv: other.kv, origin: s.log.origin }), null);
  }
});

Deno.test("an entry that is rewritten later shows in the next head", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  // The log forgets what entry 3 was, rebuilds its tree, and goes on.
  const rewritten = await makeAuditedLog();
  rewritten.entries[0] = s.log.entries[0]!;
  appendEpoch(rewritten, decodeBatch(s.log.entries[1]!));
  appendEpoch(rewritten);
  appendEpochs(rewritten, 2);
  const liar = { ...rewritten, key: s.log.key, signer: s.log.signer };
  s.served = liar;
  assert.equal((await ask(s, 7, liar)).kind, "inconsistent");
  assert.equal((await readHead({ kv: s.kv, origin: s.log.origin }))!.value.size, 7);
});

Deno.test("of two heads of one size the auditor cosigns the first", async () => {
  using s = await scene();
  appendEpochs(s.log, 2);
  const fork = forkOf(s.log);
  appendEpoch(s.log);
  appendEpoch(fork);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  s.served = fork;
  assert.deepEqual(await ask(s, 7, fork), { kind: "conflict", size: 7 });
  const [refusal] = await s.auditor.refusals(s.log.origin);
  assert.equal(refusal!.note, await noteOf(fork));
  assert.match(refusal!.reason, /two heads of one size/);
});

Deno.test("entries of another form than their place wants, and heads on no ROOT, are refused", async () => {
  const root = encodeEpochRoot({ timestampMs: FOUNDED_MS + 9, prefixRoot: new Uint8Array(32) });
  const batch = encodeBatch([randomPair()]);
  const wrong: [string, (log: AuditedLog) => void, RegExp][] = [
    ["a ROOT for a BATCH", (log) => log.entries.push(root, root), /Entry 1 of the log is refused/],
    [
      "a BATCH for a ROOT",
      (log) => log.entries.push(batch, batch),
      /Entry 2 of the log is refused/,
    ],
    ["an empty entry", (log) => log.entries.push(new Uint8Array(0), root), /Entry 1 /],
    ["a byte too many", (log) => log.entries.push(concat(batch, root), root), /Entry 1 /],
    ["a head on a BATCH", (log) => log.entries.push(batch), /ends on no ROOT/],
  ];
  for (const [what, lie, reason] of wrong) {
    using s = await scene();
    lie(s.log);
    const answer = await ask(s, 0);
    assert.match(JSON.stringify(answer), reason, what);
  }
  // Another log's CONFIG.
  const other = await makeAuditedLog("elsewhere.example/kt/1");
  using s = await scene();
  s.log.entries[0] = other.entries[0]!;
  await refuses(s, 0, /Entry 0 of the log names another log/);
});

Deno.test("an auditor says that it knows nothing of a log without reading it", async () => {
  using s = await scene();
  const empty = { ...s.log, entries: [] };
  s.isDown = true;
  assert.equal((await ask(s, 0, empty)).kind, "cosigned");
  assert.equal(await s.auditor.latest(s.log.origin), null);
  s.isDown = false;
  assert.equal((await ask(s, 0)).kind, "cosigned");
});

Deno.test("a log that can't be read now is not called a liar, and is cosigned later", async () => {
  using s = await scene();
  appendEpochs(s.log, 3);
  s.isDown = true;
  const answer = await ask(s, 0);
  assert.deepEqual(answer, { kind: "unavailable", reason: "The log can't be reached" });
  s.isDown = false;
  s.served = await makeAuditedLog();
  assert.equal((await ask(s, 0)).kind, "unavailable");
  s.served = s.log;
  assert.equal((await ask(s, 0)).kind, "cosigned");
  assert.deepEqual(await s.auditor.refusals(s.log.origin), []);
});

Deno.test("what was replayed before a crash is not read again, and a smaller head is still judged", async () => {
  using s = await scene();
  appendEpochs(s.log, 10);
  // The mirror went to 21, and the cosignature of 21 was never written down.
  const { kv } = s;
  const source = openLogSource("http://x/log", { fetch: (input) => serveAudited(s.log)(input) });
  const examine = openAuditor({
    log: { kv, origin: s.log.origin },
    source,
    now: () => FOUNDED_MS + 100_000,
  });
  await examine({ origin: s.log.origin, size: 21, root: rootOf(s.log.entries.map(leafHash)) });
  s.isDown = true;
  assert.equal((await ask(s, 0, s.log, 15)).kind, "cosigned");
  const fork = forkOf(s.log);
  fork.entries.splice(15);
  appendEpoch(fork, [randomPair()]);
  assert.match(JSON.stringify(await ask(s, 15, fork)), /not the one that was replayed/);
  assert.equal((await ask(s, 15)).kind, "cosigned");
});

Deno.test("a log whose indexes have ways as long as can be is audited like any other", async () => {
  using s = await scene();
  // 64 pairs of neighbours: each two share all bits but the last.
  const pairs = Array.from({ length: 64 }, () => {
    const [a, b] = [randomBytes(32), randomBytes(32)];
    b.set(a);
    b[31]! ^= 1;
    return [a, b].map((vrfOutput) => ({ vrfOutput, commitment: randomBytes(32) }));
  }).flat();
  appendEpoch(s.log, pairs);
  assert.equal((await ask(s, 0)).kind, "cosigned");
  appendEpochs(s.log, 3);
  assert.equal((await ask(s, 3)).kind, "cosigned");
});

/** Asks an auditor of the same log that reads from elsewhere. */
async function withSource(
  s: Scene,
  served: (input: string | URL | Request) => Promise<Response>,
): Promise<WitnessAnswer> {
  const log = { kv: s.kv, origin: s.log.origin };
  const now = (): number => FOUNDED_MS + 100_000;
  const source = openLogSource("http://x/log", { fetch: served });
  const auditor = openWitnessRole({
    kv: s.kv,
    logKeys: [s.log.key],
    cosigners: [COSIGNER],
    now,
    report: () => {},
    examine: openAuditor({ log, source, now }),
  });
  return await auditor.addCheckpoint(await requestOf(s.log, 0));
}
