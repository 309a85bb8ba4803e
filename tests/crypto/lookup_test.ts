import assert from "node:assert/strict";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { commit, vrfInput } from "../../crypto/commitment.ts";
import { openHead } from "../../crypto/head.ts";
import {
  type KnownRecord,
  type LookupAnswer,
  type LookupState,
  verifyLookup,
} from "../../crypto/lookup.ts";
import {
  decodeLookupProof,
  encodeLookupProof,
  type LookupProof,
} from "../../crypto/lookup_proof.ts";
import { nextRecord, signRecord, type VerifiedRecord, verifyNext } from "../../crypto/record.ts";
import { vrfKeyFromSeed, vrfProve } from "../../crypto/vrf.ts";
import { flipped, makePerson, NOW_MS, type Person } from "../support/people.ts";
import {
  appendRecords,
  commitRoot,
  forkOf,
  formatAnswer,
  growTree,
  indexOf,
  lookupAnswer,
  lookupParts,
  lookupProofOf,
  makeTinyLog,
  partsOf,
  signedHead,
  type TinyLog,
  type TinyQuery,
} from "../support/tiny_log.ts";

const names = ["alice", "bob", "carol", "dave", "erin"];
const people = await Promise.all(names.map((name) => makePerson(name, { opkCount: 0 })));
const [alice, bob, carol, dave, erin] = people as [Person, Person, Person, Person, Person];

/** The records of a person up to a version: a first one, then updates. */
async function history(person: Person, versions: number): Promise<VerifiedRecord[]> {
  const records = [person.record];
  for (let version = 1; version < versions; version++) {
    const before = records.at(-1)!;
    const issuedMs = NOW_MS + version;
    const next = nextRecord(before, { kind: "update", devices: before.devices, issuedMs });
    const { signing } = person.keys;
    const bytes = await signRecord(person.account, next, [
      { role: "self", signing },
      { role: "previous", signing },
    ]);
    records.push(await verifyNext(person.account, log.operator.publicKey, before, bytes));
  }
  return records;
}

function first({ account: { label }, record: { bytes } }: Person): Named {
  return { label, record: bytes };
}
type Named = { readonly label: AccountLabel; readonly record: Bytes };

/** A log in which Alice, Bob and Carol have a first record each. */
async function filledLog(): Promise<TinyLog> {
  const log = await makeTinyLog();
  for (const some of [[alice, bob], [carol]]) appendRecords(log, some.map(first));
  return log;
}

const log = await filledLog();
const bobs = await history(bob, 24);

/** The log with Bob's records up to a version. */
function logWith(versions: number, from: TinyLog = log): TinyLog {
  const longer = forkOf(from);
  for (const { account: { label }, version, bytes } of bobs.slice(1, versions)) {
    appendRecords(longer, [{ label, record: bytes, version }]);
  }
  return longer;
}

const NOTHING: LookupState = {
  trusted: null,
  freshSinceMs: null,
  known: null,
  pages: new Map(),
};

function verify(
  at: TinyLog,
  answer: LookupAnswer,
  state: Partial<LookupState> = {},
  label = bob.account.label,
): ReturnType<typeof verifyLookup> {
  return verifyLookup(at.identity, label, answer, { ...NOTHING, ...state });
}

async function refuses(
  code: string,
  answer: LookupAnswer,
  state: Partial<LookupState> = {},
  at: TinyLog = log,
  label = bob.account.label,
): Promise<void> {
  await assert.rejects(verify(at, answer, state, label), { code });
}

/** What a client knows of Bob after a lookup in this log. */
async function knownFrom(at: TinyLog): Promise<KnownRecord> {
  let pages: LookupState["pages"] = new Map();
  let query: TinyQuery = {};
  for (;;) {
    const result = await verify(at, await lookupAnswer(at, bob.account.label, null, query), {
      pages,
    });
    if (result.kind === "present") return result.current;
    assert.ok(result.kind === "partial");
    pages = result.pages;
    query = { through: result.through };
  }
}

async function headOf(at: TinyLog): Promise<SignedCheckpoint> {
  return await openHead(at.identity, await signedHead(at));
}

/** An honest answer about Bob whose lookup proof is changed in some fields. */
async function altered(at: TinyLog, change: Partial<LookupProof>): Promise<LookupAnswer> {
  const parts = await lookupParts(at, bob.account.label);
  const extra = encodeLookupProof({ ...decodeLookupProof(parts.extra!), ...change });
  return formatAnswer({ ...parts, extra });
}

// --- the way it goes ---------------------------------------------------------------------------

Deno.test("an honest answer gives the newest record, for every name and every number of versions", async () => {
  for (const person of [alice, bob, carol]) {
    const { label } = person.account;
    const result = await verify(log, await lookupAnswer(log, label), {}, label);
    assert.ok(result.kind === "present");
    assert.deepEqual(result.current.record, person.record);
    assert.deepEqual(result.chain, [person.record]);
    assert.equal(result.head.size, 5);
  }
  for (let versions = 1; versions <= 9; versions++) {
    const at = logWith(versions);
    const result = await verify(at, await lookupAnswer(at, bob.account.label));
    assert.ok(result.kind === "present");
    assert.deepEqual(result.chain, bobs.slice(0, versions));
  }
});

Deno.test("a name that nobody has is proved absent, also in a log without names", async () => {
  const young = await makeTinyLog();
  for (const at of [log, young]) {
    const { label } = dave.account;
    assert.equal((await verify(at, await lookupAnswer(at, label), {}, label)).kind, "absent");
  }
});

Deno.test("from every known version, the answer gives the records since, and is shorter", async () => {
  for (let then = 1; then <= 8; then++) {
    const known = await knownFrom(logWith(then));
    for (let now = then; now <= 9; now++) {
      const at = logWith(now);
      const asked = { known: then - 1 };
      const answer = await lookupAnswer(at, bob.account.label, null, asked);
      const result = await verify(at, answer, { known });
      assert.ok(result.kind === "present");
      assert.deepEqual(result.chain, bobs.slice(then, now));
      assert.deepEqual(result.current, await knownFrom(at));
      const whole = await lookupAnswer(at, bob.account.label);
      assert.ok(answer.proof.length < whole.proof.length);
      // A service may also show everything again.
      const again = await verify(at, whole, { known });
      assert.ok(again.kind === "present");
      assert.deepEqual(again.chain, bobs.slice(then, now));
    }
  }
});

Deno.test("a history longer than eight is followed page by page", async () => {
  const at = logWith(24);
  const known = await knownFrom(at);
  assert.deepEqual(known.record, bobs[23]);
  const old = await knownFrom(logWith(3));
  const result = await verify(
    at,
    await lookupAnswer(at, bob.account.label, null, { known: 2 }),
    { known: old },
  );
  assert.ok(result.kind === "partial");
  assert.equal(result.through, 14);
  // A name that grew between two pages is followed to its new end.
  const shorter = logWith(20);
  const page = await verify(shorter, await lookupAnswer(shorter, bob.account.label));
  assert.ok(page.kind === "partial");
  const next = await verify(
    at,
    await lookupAnswer(at, bob.account.label, null, { through: page.through }),
    { pages: page.pages },
  );
  assert.ok(next.kind === "partial");
  assert.equal(next.through, 22, "what came since is missing now");
});

Deno.test("a lookup proof comes back as it was, and with no byte more or less", async () => {
  for (const [at, query] of [[log, {}], [logWith(7), { known: 1 }], [logWith(7), {}]] as const) {
    const { extra } = await lookupParts(at, bob.account.label, query);
    assert.deepEqual(encodeLookupProof(decodeLookupProof(extra!)), extra);
    for (let length = 0; length < extra!.length; length++) {
      assert.throws(() => decodeLookupProof(extra!.slice(0, length)), { code: "malformed" });
    }
    assert.throws(() => decodeLookupProof(concat(extra!, Uint8Array.of(0))), { code: "malformed" });
  }
});

Deno.test("a name that ended says so, to whoever knew it and to strangers", async () => {
  const before = bob.record;
  const end = nextRecord(before, { kind: "retire", devices: [], issuedMs: NOW_MS });
  const { signing } = bob.keys;
  const record = await signRecord(bob.account, end, [{ role: "previous", signing }]);
  const at = forkOf(log);
  appendRecords(at, [{ label: bob.account.label, record, version: 1 }]);
  const known = await knownFrom(log);
  const asked = await lookupAnswer(at, bob.account.label, null, { known: 0 });
  assert.equal((await verify(at, asked, { known })).kind, "retired");
  const bare = await lookupAnswer(at, bob.account.label, null, { most: 0 });
  assert.equal((await verify(at, bare)).kind, "retired");
  // Whoever knew the record before checks that one of its devices ended it.
  const mallory = await makePerson("bob", { opkCount: 0 });
  const forged = await signRecord(bob.account, end, [
    { role: "previous", signing: mallory.keys.signing },
  ]);
  const liar = forkOf(log);
  appendRecords(liar, [{ label: bob.account.label, record: forged, version: 1 }]);
  const lie = await lookupAnswer(liar, bob.account.label, null, { known: 0 });
  await refuses("bad_signature", lie, { known }, liar);
});

// --- the operator lies -------------------------------------------------------------------------

Deno.test("a version that is hidden is noticed: the ladder shows what is above the greatest", async () => {
  for (let versions = 2; versions <= 9; versions++) {
    const at = logWith(versions);
    for (let greatest = 0; greatest < versions - 1; greatest++) {
      const proof = lookupProofOf(at, bob.account.label, { greatest });
      const extra = encodeLookupProof(proof);
      const answer = formatAnswer(await partsOf(at, at.entries.length - 1, extra));
      await refuses("bad_proof", answer, {}, at);
    }
  }
  // The same for a name that is said to be absent.
  const extra = encodeLookupProof(lookupProofOf(log, bob.account.label, { greatest: null }));
  await refuses("bad_proof", formatAnswer(await partsOf(log, 4, extra)));
});

Deno.test("a version that was shown and then removed is noticed by whoever saw it", async () => {
  const known = await knownFrom(logWith(3));
  const at = logWith(2);
  for (const query of [{}, { known: 1 }]) {
    await refuses(
      "version_rolled_back",
      await lookupAnswer(at, bob.account.label, null, query),
      { known },
      at,
    );
  }
  const gone = forkOf(at);
  gone.versions.length = 0;
  gone.tiles = new Map([["", null]]);
  commitRoot(gone);
  gone.entries.push(gone.entries.at(-1)!);
  await refuses(
    "version_rolled_back",
    await lookupAnswer(gone, bob.account.label),
    { known },
    gone,
  );
});

Deno.test("a commitment that was rewritten within one epoch is noticed by whoever saw the old one", async () => {
  const known = await knownFrom(log);
  const other = await makePerson("bob", { opkCount: 0 });
  const liar = await makeTinyLogLike(log);
  appendRecords(liar, [{ label: bob.account.label, record: other.record.bytes }]);
  for (const query of [{}, { known: 0 }]) {
    const answer = await lookupAnswer(liar, bob.account.label, null, query);
    await refuses("bad_proof", answer, { known }, liar);
  }
  // Whoever did not see it cannot know: that is what auditors are for.
  assert.equal((await verify(liar, await lookupAnswer(liar, bob.account.label))).kind, "present");
});

Deno.test("a version that was rewritten is noticed also where the answer builds upon nothing", async () => {
  const { label } = bob.account;
  const known = await knownFrom(logWith(3));
  for (const last of [2, 3]) {
    const bad = forkOf(log);
    for (const { version, bytes } of bobs.slice(1, last + 1)) {
      const record = version === 1 ? bobs[9]!.bytes : bytes;
      appendRecords(bad, [{ label, record, version }]);
    }
    for (const asked of [null, 2]) {
      const answer = await lookupAnswer(bad, label, null, { known: asked, most: 0 });
      await refuses("bad_proof", answer, { known });
    }
  }
});

Deno.test("another record than the log committed to is refused", async () => {
  const other = await makePerson("bob", { opkCount: 0 });
  const [{ opening, record }] = decodeLookupProof(
    (await lookupParts(log, bob.account.label)).extra!,
  ).records as [{ opening: Bytes; record: Bytes }];
  await refuses(
    "bad_proof",
    await altered(log, { records: [{ opening, record: other.record.bytes }] }),
  );
  await refuses(
    "bad_proof",
    await altered(log, { records: [{ opening: new Uint8Array(16), record }] }),
  );
});

Deno.test("an answer about another name is refused", async () => {
  for (const person of [alice, carol]) {
    await refuses("bad_vrf", await lookupAnswer(log, person.account.label));
  }
  await refuses("bad_vrf", await lookupAnswer(log, bob.account.label), {}, log, erin.account.label);
});

Deno.test("an index under a VRF key of one's own for one client is refused", async () => {
  const key = vrfKeyFromSeed(new Uint8Array(32).fill(9));
  const proof = lookupProofOf(log, bob.account.label);
  const vrfProofs = [0, 1].map((version) => vrfProve(key, vrfInput(bob.account.label, version)));
  await refuses("bad_vrf", await altered(log, { vrfProofs }));
  await refuses("bad_vrf", await altered(log, { vrfProofs: [...proof.vrfProofs].reverse() }));
  await refuses(
    "bad_vrf",
    await altered(log, { vrfProofs: [flipped(proof.vrfProofs[0]!, 400), proof.vrfProofs[1]!] }),
  );
});

Deno.test("one name under two labels: a record is worth nothing under the other", async () => {
  const at = forkOf(log);
  appendRecords(at, [{ label: dave.account.label, record: bob.record.bytes }]);
  const { label } = dave.account;
  await refuses("bad_signature", await lookupAnswer(at, label), {}, at, label);
});

Deno.test("a record that does not follow on the one before is refused, whoever logged it", async () => {
  const mallory = await makePerson("bob", { opkCount: 0, deviceId: 2 });
  const { devices } = mallory.record;
  const issuedMs = NOW_MS;
  const next = nextRecord(bob.record, { kind: "update", devices, issuedMs });
  const { signing } = mallory.keys;
  const record = await signRecord(bob.account, next, [
    { role: "self", signing },
    { role: "previous", signing },
  ]);
  const at = forkOf(log);
  appendRecords(at, [{ label: bob.account.label, record, version: 1 }]);
  await refuses("bad_signature", await lookupAnswer(at, bob.account.label), {}, at);
  const skipped = forkOf(log);
  appendRecords(skipped, [{ label: bob.account.label, record: bobs[2]!.bytes, version: 1 }]);
  await refuses("bad_record", await lookupAnswer(skipped, bob.account.label), {}, skipped);
});

Deno.test("a ROOT that is not the newest, or not in the log, is refused", async () => {
  const at = logWith(2);
  const old = await partsOf(at, 4, encodeLookupProof(lookupProofOf(log, bob.account.label)));
  await refuses("bad_proof", formatAnswer(old), {}, at);
  const other = logWith(3);
  const extra = encodeLookupProof(lookupProofOf(other, bob.account.label));
  await refuses("bad_proof", formatAnswer(await partsOf(at, at.entries.length - 1, extra)), {}, at);
  for (const index of [0, 1]) {
    const lie = { ...lookupProofOf(at, bob.account.label), latestLeaf: at.entries[index]! };
    const parts = await partsOf(at, index, encodeLookupProof(lie));
    await refuses("bad_proof", formatAnswer(parts), {}, at);
  }
});

Deno.test("a tree that the ROOT does not commit to is refused", async () => {
  const liar = forkOf(log);
  const vrfOutput = indexOf(liar, erin.account.label, 0);
  const record = erin.record.bytes;
  const opening = new Uint8Array(16);
  const { label } = erin.account;
  growTree(liar, [{
    vrfOutput,
    commitment: commit(opening, { label, version: 0, value: record }),
  }]);
  liar.versions.push({ label, version: 0, opening, record });
  await refuses("bad_proof", await lookupAnswer(liar, label), {}, liar, label);
});

Deno.test("an answer with any byte of its lookup proof changed is refused", async () => {
  const at = logWith(4);
  const parts = await lookupParts(at, bob.account.label);
  const extra = parts.extra!;
  for (let i = 0; i < extra.length; i++) {
    const answer = formatAnswer({ ...parts, extra: flipped(extra, 8 * i + i % 8) });
    await assert.rejects(verify(at, answer), `byte ${i}`);
  }
});

Deno.test("an answer that builds upon what is not known is refused", async () => {
  const at = logWith(3);
  const answer = await lookupAnswer(at, bob.account.label, null, { known: 1 });
  await refuses("malformed", answer, {}, at);
  await refuses("malformed", answer, { known: await knownFrom(logWith(1)) }, at);
});

/** A log of the same keys that starts anew. */
async function makeTinyLogLike(like: TinyLog): Promise<TinyLog> {
  const fresh = await makeTinyLog();
  const { signer, key, vrf, operator, identity, config, origin } = like;
  return { ...fresh, signer, key, vrf, operator, identity, config, origin };
}

Deno.test("what is shown of a trusted head is compared with it", async () => {
  const at = logWith(4);
  const trusted = await headOf(logWith(2));
  const label = bob.account.label;
  assert.equal((await verify(at, await lookupAnswer(at, label, 7), { trusted })).kind, "present");
  await refuses("log_forked", await lookupAnswer(at, label, 5), { trusted }, at);
  await refuses("head_rolled_back", await lookupAnswer(log, label), { trusted });
});
