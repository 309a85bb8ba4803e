import assert from "node:assert/strict";
import { type OpenContext } from "../../core/context.ts";
import { lookup } from "../../core/directory.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { requireReady } from "../../core/readiness.ts";
import { register } from "../../core/registration.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { formatSignatureLine, parseNote } from "../../crypto/note.ts";
import { NOTE_KEY_TYPE } from "../../crypto/note_key.ts";
import { checkPolicy, freshnessOf, policyVerifiers } from "../../crypto/policy.ts";
import { readHead } from "../../kv/head.ts";
import { logKey } from "../../kv/log_key.ts";
import { readAudited, readPublished } from "../../kv/published.ts";
import { readFrozen } from "../../kv/frozen.ts";
import { readSigned } from "../../kv/signed_head.ts";
import {
  newAccount,
  openCore,
  ORIGIN,
  type TestAccount,
  verified,
} from "../support/service_core.ts";
import { sizeAnswer, startWitness, type Story, type TestWitness } from "../support/test_witness.ts";
import {
  eventually,
  headsSent,
  logKeysOf,
  openWitnessed,
  valueOf,
  type WitnessedOptions,
} from "../support/witnessed.ts";

/** What a witness says in the end, long after the grace that a test gives. */
const slow: Story = async (_, honest) => {
  await new Promise((resolve) => setTimeout(resolve, 400));
  return await honest();
};

const DOWN: Story = () => new Response(null, { status: 503 });

/** A store and three witnesses of its log, of which two are enough. */
interface World extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly witnesses: readonly [TestWitness, TestWitness, TestWitness];
  readonly said: string[];
  open(options?: Partial<WitnessedOptions>): Promise<OpenContext>;
}

async function world(): Promise<World> {
  const kv = await Deno.openKv(":memory:");
  const logKeys = await logKeysOf();
  const [a, b, c] = await Promise.all(["a", "b", "c"].map((id) => startWitness(id, { logKeys })));
  const witnesses = [a!, b!, c!] as const;
  const said: string[] = [];
  return {
    kv,
    witnesses,
    said,
    open: (options = {}) =>
      openWitnessed(kv, {
        witnesses,
        threshold: 2,
        report: (sentence) => said.push(sentence),
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      kv.close();
      for (const witness of witnesses) await witness[Symbol.asyncDispose]();
    },
  };
}

/** The published head, which must meet the policy. */
async function publishedHead(ctx: OpenContext): Promise<SignedCheckpoint> {
  const { note, size } = await valueOf(readPublished, ctx);
  const head = await openCheckpoint(note, ORIGIN, policyVerifiers(ctx.policy));
  checkPolicy(ctx.policy, head, null);
  assert.equal(head.size, size);
  return head;
}

function isCode(code: string, sentence = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, sentence);
    return true;
  };
}

async function join(ctx: OpenContext, who: TestAccount): Promise<void> {
  await verified(ctx, who.label, await register(ctx, who.label, who.record, null));
}

Deno.test("a head is published once enough witnesses cosigned it, and not before", async () => {
  await using it = await world();
  await using ctx = await it.open();
  const alice = await newAccount("alice");
  await join(ctx, alice);
  const head = await publishedHead(ctx);
  assert.equal(head.size, 3);
  assert.ok(head.note.signatures.length >= 3, "the log and two witnesses");
  const signed = await valueOf(readSigned, ctx);
  assert.deepEqual([signed.size, signed.root], [3, head.root]);
  assert.deepEqual(it.said, []);
  assert.deepEqual((await auditLog(ctx)).faults, []);
});

Deno.test("while too few witnesses answer a registration waits, and comes to be when they do", async () => {
  await using it = await world();
  await using ctx = await it.open({ patienceMs: 300, graceMs: 10 });
  const [alice, bob] = await Promise.all([newAccount("alice"), newAccount("bob")]);
  await join(ctx, alice);
  for (const witness of it.witnesses.slice(1)) witness.story = DOWN;
  const late = register(ctx, bob.label, bob.record, null);
  await assert.rejects(late, isCode("unavailable", /not published yet/));
  assert.equal((await publishedHead(ctx)).size, 3, "one witness is not enough");
  assert.equal((await valueOf(readHead, ctx)).size, 5, "it is in the log all the same");
  assert.match(it.said.join("\n"), /Witness b does not cosign: it answered with status 503/);
  assert.match(it.said.join("\n"), /Too few witnesses/);
  it.witnesses[1].story = null;
  await eventually("the head", async () => (await publishedHead(ctx)).size === 5);
  await join(ctx, bob);
  assert.match(it.said.join("\n"), /Enough witnesses cosign again/);
  const { names, faults } = await auditLog(ctx);
  assert.deepEqual({ names, faults }, { names: 2, faults: [] });
});

Deno.test("epochs are committed while witnesses take their time", async () => {
  await using it = await world();
  await using ctx = await it.open();
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  for (const witness of it.witnesses) witness.story = async (_, honest) => (await gate, honest());
  const people = await Promise.all(["a", "b", "c"].map((name) => newAccount(name)));
  const joined: Promise<void>[] = [];
  for (const [i, person] of people.entries()) {
    joined.push(join(ctx, person));
    await eventually("the epoch", async () => (await readHead(ctx))?.value.size === 3 + 2 * i);
  }
  assert.equal((await publishedHead(ctx)).size, 1);
  openGate();
  await Promise.all(joined);
  assert.equal((await publishedHead(ctx)).size, 7);
});

Deno.test("heads are signed no more often than the interval, whoever waits", async () => {
  await using it = await world();
  await using ctx = await it.open({ intervalMs: 400 });
  const people = await Promise.all(Array.from({ length: 6 }, (_, i) => newAccount(`person${i}`)));
  const times: number[] = [];
  it.witnesses[0].story = (_, honest) => (times.push(performance.now()), honest());
  const beganMs = performance.now();
  await Promise.all(people.map(async (person, i) => {
    await new Promise((resolve) => setTimeout(resolve, 100 * i));
    await join(ctx, person);
  }));
  const tookMs = performance.now() - beganMs;
  assert.ok(times.length >= 2 && times.length <= 2 + tookMs / 400, `${times.length} heads`);
  for (let i = 1; i < times.length; i++) {
    assert.ok(times[i]! - times[i - 1]! > 350, `${times[i]! - times[i - 1]!} ms`);
  }
});

Deno.test("a tree that does not change is cosigned again, so that its head stays fresh", async () => {
  await using it = await world();
  await using ctx = await it.open({ heartbeatMs: 1_100 });
  const first = await publishedHead(ctx);
  const later = await eventually("a fresher note", async () => {
    const head = await publishedHead(ctx);
    return freshnessOf(ctx.policy, head)! > freshnessOf(ctx.policy, first)! ? head : null;
  });
  assert.deepEqual([later.size, later.root], [first.size, first.root]);
  assert.equal(later.note.text, first.note.text);
});

/** A witness's cosignatures, dated as if it had made them some seconds ago. */
function dated(witness: TestWitness, agoS: number): Story {
  return async (body, honest) => {
    const answer = await honest();
    if (answer.status !== 200) return answer;
    await answer.body?.cancel();
    const { text } = parseNote(body.slice(body.indexOf("\n\n") + 2));
    const atS = Math.floor(Date.now() / 1000) - agoS;
    return new Response(formatSignatureLine(await witness.cosigner.sign(text, atS)));
  };
}

Deno.test("a witness that dates its cosignatures back makes no head old, and no honest one late", async () => {
  await using it = await world();
  const [a, , c] = it.witnesses;
  a.story = dated(a, 3_600);
  c.story = slow;
  await using ctx = await it.open({ graceMs: 20 });
  await join(ctx, await newAccount("alice"));
  assert.ok(freshnessOf(ctx.policy, await publishedHead(ctx))! > Date.now() - 60_000);
  assert.match(it.said.join("\n"), /Witness a does not cosign: its cosignature is of the past/);
});

Deno.test("a published head gets no less fresh by being cosigned again", async () => {
  await using it = await world();
  await using ctx = await it.open({ heartbeatMs: 50 });
  const first = freshnessOf(ctx.policy, await publishedHead(ctx))!;
  for (const witness of it.witnesses) {
    witness.asked.length = 0;
    // Within what clocks may differ.
    witness.story = dated(witness, 200);
  }
  for (const witness of it.witnesses) {
    await eventually("heartbeats", () => witness.asked.length > 2);
  }
  assert.ok(freshnessOf(ctx.policy, await publishedHead(ctx))! >= first);
  await join(ctx, await newAccount("alice"));
  assert.equal((await publishedHead(ctx)).size, 3, "a larger head is published all the same");
});

Deno.test("what was signed and not published is published by the next start, signed no second time", async () => {
  await using it = await world();
  const alice = await newAccount("alice");
  {
    await using ctx = await it.open({ patienceMs: 200 });
    for (const witness of it.witnesses) {
      witness.story = async (_, honest) => (await honest(), new Response(null, { status: 500 }));
    }
    await assert.rejects(join(ctx, alice), isCode("unavailable"));
    assert.equal((await publishedHead(ctx)).size, 1);
    assert.equal((await valueOf(readSigned, ctx)).size, 3);
  }
  for (const witness of it.witnesses) {
    witness.story = null;
    witness.asked.length = 0;
  }
  await using ctx = await it.open({ intervalMs: 60_000 });
  assert.equal((await publishedHead(ctx)).size, 3);
  const { note } = await valueOf(readSigned, ctx);
  assert.ok(it.witnesses[0].asked.every((body) => body.endsWith(note)));
  await verified(ctx, alice.label, await lookup(ctx, alice.label, null));
  assert.deepEqual(it.said.filter((sentence) => /frozen/.test(sentence)), []);
});

Deno.test("nothing is taken in before enough witnesses answered about the past", async () => {
  await using it = await world();
  const alice = await newAccount("alice");
  await (await it.open()).close();
  for (const witness of it.witnesses.slice(1)) witness.story = DOWN;
  await using ctx = await it.open();
  assert.throws(
    () => ctx.sequencer.requireOpen(),
    isCode("unavailable", /waits for its witnesses/),
  );
  await assert.rejects(join(ctx, alice), isCode("unavailable"));
  await assert.rejects(requireReady(ctx), isCode("unavailable"));
  assert.equal((await publishedHead(ctx)).size, 1, "what is published can be read");
  it.witnesses[1].story = null;
  await eventually("the opening", () => {
    try {
      ctx.sequencer.requireOpen();
      return true;
    } catch {
      return null;
    }
  });
  await join(ctx, alice);
  await requireReady(ctx);
});

/** A log of two names in whose store the rows of one epoch ago are put back. */
async function rolledBack(it: World): Promise<void> {
  const rows: Deno.KvEntry<unknown>[] = [];
  {
    await using ctx = await it.open();
    await join(ctx, await newAccount("alice"));
    rows.push(...await Array.fromAsync(it.kv.list({ prefix: [] })));
    await join(ctx, await newAccount("bob"));
  }
  for await (const { key } of it.kv.list({ prefix: [] })) await it.kv.delete(key);
  for (const { key, value } of rows) await it.kv.set(key, value);
  for (const witness of it.witnesses) witness.asked.length = 0;
}

Deno.test("a store that was rolled back is frozen at its start, and signs nothing new", async () => {
  await using it = await world();
  await rolledBack(it);
  const before = await valueOf(readPublished, { kv: it.kv, origin: ORIGIN });
  for (let start = 0; start < 2; start++) {
    await using ctx = await it.open();
    const carol = await newAccount("carol");
    await assert.rejects(join(ctx, carol), isCode("log_frozen", /frozen/));
    await assert.rejects(requireReady(ctx), isCode("log_frozen", /Witness . has size 5, above 3/));
    assert.deepEqual(await valueOf(readPublished, ctx), before, "reads are answered from it");
    const alice = parseAccountLabel("alice");
    await verified(ctx, alice, await lookup(ctx, alice, null));
    assert.equal((await valueOf(readHead, ctx)).size, 3);
  }
  assert.equal(
    it.said.filter((sentence) => /^The log is frozen: Witness/.test(sentence)).length,
    2,
  );
  const { evidence } = await valueOf(readFrozen, { kv: it.kv, origin: ORIGIN });
  assert.match(evidence!, /^test\.invalid\/kt\/1\n5\n/);
  for (const witness of it.witnesses) {
    for (const { size } of await headsSent(witness)) assert.equal(size, 3, "the old note alone");
  }
});

for (const [what, names] of [["to", ["carol"]], ["beyond", ["carol", "dave"]]] as const) {
  Deno.test(`a store that was rolled back and has grown ${what} its witnesses' size is frozen too`, async () => {
    await using it = await world();
    await rolledBack(it);
    {
      // Somebody ran it without its witnesses.
      await using ctx = await openCore(it.kv);
      for (const name of names) await join(ctx, await newAccount(name));
    }
    // One that is new would be enough, and cosigns at once what the others refuse.
    await using fresh = await startWitness("n", { logKeys: await logKeysOf() });
    for (const witness of it.witnesses) witness.story = slow;
    await using ctx = await it.open({ witnesses: [fresh, ...it.witnesses], threshold: 1 });
    await assert.rejects(
      requireReady(ctx),
      isCode("log_frozen", /another tree of size 5, and shows it/),
    );
    const { evidence } = await valueOf(readFrozen, ctx);
    assert.match(evidence!, /^test\.invalid\/kt\/1\n5\n/);
  });
}

/** A log of one name whose store is lost. */
async function emptied(it: World): Promise<void> {
  {
    await using ctx = await it.open();
    await join(ctx, await newAccount("alice"));
  }
  for await (const { key } of it.kv.list({ prefix: [] })) await it.kv.delete(key);
  for (const witness of it.witnesses) witness.asked.length = 0;
}

/** That of this log nothing but the empty tree was signed and shown. */
async function signsNothing(it: World, ctx: OpenContext): Promise<void> {
  for (const witness of it.witnesses) {
    for (const { size } of await headsSent(witness)) assert.equal(size, 0);
  }
  assert.deepEqual([await readSigned(ctx), await readPublished(ctx)], [null, null]);
}

Deno.test("an empty store whose log the witnesses know signs not even its first head", async () => {
  await using it = await world();
  await emptied(it);
  await using ctx = await it.open();
  await assert.rejects(requireReady(ctx), isCode("log_frozen", /has size 3, above 0 .* shows it/));
  await signsNothing(it, ctx);
  assert.match((await valueOf(readFrozen, ctx)).evidence!, /^test\.invalid\/kt\/1\n3\n/);
});

Deno.test("an empty store founds no second history while its witnesses are silent, whatever the silence", async () => {
  const down: Record<string, typeof fetch> = {
    "refused": () => Promise.reject(new TypeError("down")),
    "404": () => Promise.resolve(new Response(null, { status: 404 })),
    "503": () => Promise.resolve(new Response(null, { status: 503 })),
    "a page": () => Promise.resolve(new Response("<html>\n")),
    "no answer": (_, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject("late"))),
  };
  for (const [what, silent] of Object.entries(down)) {
    await using it = await world();
    await emptied(it);
    let isUp = false;
    // Two are the quorum, and of those that know the log none is reached.
    const [, b, c] = it.witnesses;
    await using fresh = await startWitness("n", { logKeys: await logKeysOf() });
    const through: typeof fetch = (input, init) =>
      isUp || String(input).startsWith(fresh.inPolicy.url!)
        ? fetch(input, init)
        : silent(input, init);
    const witnesses = [fresh, b, c];
    await using ctx = await it.open({ witnesses, fetch: through, timeoutMs: 100 });
    const mallory = await newAccount("alice");
    await assert.rejects(
      join(ctx, mallory),
      isCode("unavailable", /waits for its witnesses/),
      what,
    );
    await signsNothing(it, ctx);
    isUp = true;
    await eventually("the freeze", async () => await readFrozen(ctx) !== null);
    await signsNothing(it, ctx);
  }
});

Deno.test("of an empty store's witnesses those are waited for that are more than enough", async () => {
  await using it = await world();
  await emptied(it);
  for (const witness of it.witnesses) witness.story = slow;
  await using fresh = await startWitness("n", { logKeys: await logKeysOf() });
  await using ctx = await it.open({ witnesses: [fresh, ...it.witnesses], threshold: 1 });
  await assert.rejects(requireReady(ctx), isCode("log_frozen", /has size 3, above 0/));
  await signsNothing(it, ctx);
});

Deno.test("a witness that claims to be ahead freezes the log, with and without proof", async () => {
  await using it = await world();
  await using ctx = await it.open();
  it.witnesses[2].story = () => sizeAnswer(99);
  await assert.rejects(join(ctx, await newAccount("alice")), isCode("log_frozen", /frozen/));
  // What it shows is no more than was signed: the operator can tell by that.
  assert.match(it.said.join("\n"), /Witness c has size 99, above 3 .*, but does not show it/);
  assert.equal((await valueOf(readFrozen, ctx)).evidence, null);
  assert.equal((await publishedHead(ctx)).size, 1, "nothing is published beside a finding");
});

Deno.test("two instances publish one log between them, and no head goes back", async () => {
  await using it = await world();
  await using one = await it.open({ intervalMs: 30 });
  await using two = await it.open({ intervalMs: 30 });
  const people = await Promise.all(Array.from({ length: 24 }, (_, i) => newAccount(`p${i}`)));
  await Promise.all(people.map(async (person, i) => {
    await new Promise((resolve) => setTimeout(resolve, 20 * i));
    await join(i % 2 === 0 ? one : two, person);
  }));
  assert.deepEqual(it.said.filter((sentence) => /frozen/.test(sentence)), []);
  const { names, pending, faults } = await auditLog(one);
  assert.deepEqual({ names, pending, faults }, { names: 24, pending: 0, faults: [] });
  await publishedHead(one);
  for (const witness of it.witnesses) {
    const roots = new Map<number, string>();
    for (const { size, root } of await headsSent(witness)) {
      assert.equal(roots.get(size) ?? root.join(), root.join());
      roots.set(size, root.join());
    }
  }
});

Deno.test("a head is audited only where an auditor cosigned it", async () => {
  await using it = await world();
  await using ctx = await it.open({ auditors: ["c"], graceMs: 300 });
  const [alice, bob] = await Promise.all([newAccount("alice"), newAccount("bob")]);
  await join(ctx, alice);
  assert.equal((await valueOf(readAudited, ctx)).size, 3);
  it.witnesses[2].story = DOWN;
  await join(ctx, bob);
  assert.equal((await valueOf(readPublished, ctx)).size, 5);
  assert.equal((await valueOf(readAudited, ctx)).size, 3);
});

Deno.test("a log that signs with ML-DSA-44 too has a second line under every head", async () => {
  await using it = await world();
  await using ctx = await it.open({ isPostQuantum: true });
  await join(ctx, await newAccount("alice"));
  const { note } = await publishedHead(ctx);
  const types = ctx.keys.logKeys.map(({ type, keyId }) => {
    assert.ok(note.signatures.some((line) => line.keyId === keyId && line.name === ORIGIN));
    return type;
  });
  assert.deepEqual(types, [NOTE_KEY_TYPE.ed25519, NOTE_KEY_TYPE.mlDsa44]);
});

Deno.test("a policy of another log, or with an auditor that is no witness, opens nothing", async () => {
  await using it = await world();
  await assert.rejects(it.open({ auditors: ["d"] }), /no witness of the policy/);
  const logs = await logKeysOf("other.invalid/kt/1");
  await assert.rejects(it.open({ logs }), /policy is of another log/);
  assert.equal(await readPublished({ kv: it.kv, origin: ORIGIN }), null);
});

Deno.test("a service that closes while witnesses are asked does so at once", async () => {
  await using it = await world();
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const ctx = await it.open({ timeoutMs: 60_000 });
  for (const witness of it.witnesses) witness.story = async (_, honest) => (await gate, honest());
  const joining = join(ctx, await newAccount("alice"));
  const refused = assert.rejects(joining, isCode("unavailable"));
  await eventually("the request", () => it.witnesses[0].asked.length > 1);
  const beganMs = performance.now();
  await ctx.close();
  assert.ok(performance.now() - beganMs < 2_000);
  await refused;
  openGate();
  assert.equal(
    await it.kv.get(logKey({ kv: it.kv, origin: ORIGIN }, "frozen")).then((r) => r.value),
    null,
  );
});

Deno.test("an audit holds every head against the log, and says that a log is frozen", async () => {
  await using it = await world();
  await using ctx = await it.open({ auditors: ["a", "b", "c"] });
  await join(ctx, await newAccount("alice"));
  assert.deepEqual((await auditLog(ctx, ctx.keys.logVerifierKey)).faults, []);
  for (const table of ["published", "audited", "signed"]) {
    const key = logKey(ctx, table);
    const { value } = await it.kv.get<{ root: Uint8Array; note: string | Uint8Array }>(key);
    const root = value!.root.slice();
    root[0]! ^= 1;
    const held = value!.note;
    const larger = (text: string) => text.replace("\n3\n", "\n5\n");
    const note = typeof held === "string"
      ? larger(held)
      : utf8(larger(new TextDecoder().decode(held)));
    for (const change of [{ size: 1 }, { root }, { note }]) {
      await it.kv.set(key, { ...value, ...change });
      const { faults } = await auditLog(ctx, ctx.keys.logVerifierKey);
      assert.match(faults.join(), new RegExp(`The ${table} head`), JSON.stringify(change));
    }
    await it.kv.set(key, value);
  }
  const frozen = { reason: "a test", atMs: 1, evidence: null, isReplaying: false };
  await it.kv.set(logKey(ctx, "frozen"), frozen);
  assert.deepEqual((await auditLog(ctx)).faults, ["The log is frozen: a test"]);
});
