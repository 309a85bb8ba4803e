import assert from "node:assert/strict";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, concat, utf8 } from "../../crypto/bytes.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { commit, vrfInput } from "../../crypto/commitment.ts";
import { encodeBatch, encodeConfig } from "../../crypto/log_entry.ts";
import {
  advanceHead,
  decodeLookupProof,
  encodeLookupProof,
  type LookupAnswer,
  type LookupProof,
  verifyConfig,
  verifyLookup,
} from "../../crypto/lookup.ts";
import { signNote } from "../../crypto/note.ts";
import { formatTlogProof } from "../../crypto/proof.ts";
import { vrfKeyFromSeed, vrfProofToHash, vrfProve } from "../../crypto/vrf.ts";
import { flipped, makePerson, ORIGIN } from "../support/people.ts";
import {
  appendRecords,
  configText,
  consistencyFrom,
  forkOf,
  formatAnswer,
  lookupAnswer,
  lookupParts,
  makeTinyLog,
  partsOf,
  signedHead,
  type TinyLog,
} from "../support/tiny_log.ts";

const names = ["alice", "bob", "carol", "dave", "erin", "mallory"];
const people = await Promise.all(names.map((name) => makePerson(name, { opkCount: 0 })));
const [alice, bob, carol, dave, erin, mallory] = people.map(({ account, record }) => ({
  label: account.label,
  record: record.bytes,
})) as [Named, Named, Named, Named, Named, Named];
type Named = { readonly label: AccountLabel; readonly record: Bytes };

/** CONFIG, and three epochs: Alice with Bob, Carol, Dave. */
async function filledLog(): Promise<TinyLog> {
  const log = await makeTinyLog();
  for (const records of [[alice, bob], [carol], [dave]]) appendRecords(log, records);
  return log;
}

const log = await filledLog();

async function refuses(
  code: string,
  answer: LookupAnswer,
  trusted: SignedCheckpoint | null = null,
  label = bob.label,
): Promise<void> {
  await assert.rejects(verifyLookup(log.identity, label, answer, trusted), { code });
}

/** An honest answer about Bob whose lookup proof is changed in some fields. */
async function altered(change: Partial<LookupProof>): Promise<LookupAnswer> {
  const parts = await lookupParts(log, bob.label);
  const extra = encodeLookupProof({ ...decodeLookupProof(parts.extra!), ...change });
  return formatAnswer({ ...parts, extra });
}

async function headAt(size: number): Promise<SignedCheckpoint> {
  return await advanceHead(log.identity, await signedHead(log, size), null, []);
}

// --- the way it goes ---------------------------------------------------------------------------

Deno.test("an honest answer gives the record and the head, for every label of the log", async () => {
  for (const { label, record } of [alice, bob, carol, dave]) {
    const found = await verifyLookup(log.identity, label, await lookupAnswer(log, label), null);
    assert.deepEqual(found.record.bytes, record);
    assert.equal(found.record.account.label, label);
    assert.equal(found.head.size, 7);
  }
});

Deno.test("a head that grew honestly is believed from every head before it", async () => {
  for (const size of [1, 3, 5, 7]) {
    const answer = await lookupAnswer(log, bob.label, size);
    const { head } = await verifyLookup(log.identity, bob.label, answer, await headAt(size));
    assert.equal(head.size, 7);
  }
});

Deno.test("a lookup proof comes back as it was, and with no byte more or less", async () => {
  const { extra } = await lookupParts(log, bob.label);
  const proof = decodeLookupProof(extra!);
  assert.deepEqual(encodeLookupProof(proof), extra);
  for (let length = 0; length < extra!.length; length++) {
    assert.throws(() => decodeLookupProof(extra!.slice(0, length)), { code: "malformed" });
  }
  assert.throws(() => decodeLookupProof(flipped(extra!, 0)), { code: "malformed" });
  const parts = await lookupParts(log, bob.label);
  await refuses("malformed", formatAnswer({ ...parts, extra: concat(extra!, Uint8Array.of(0)) }));
  await refuses("malformed", formatAnswer({ ...parts, extra: null }));
});

// --- lies about the record ---------------------------------------------------------------------

Deno.test("another record than the log committed to is refused", async () => {
  const other = await makePerson("bob", { opkCount: 0 });
  await refuses("bad_commitment", await altered({ record: other.record.bytes }));
  await refuses("bad_commitment", await altered({ opening: new Uint8Array(16) }));
});

Deno.test("a record under another label is refused", async () => {
  await refuses("bad_vrf", await lookupAnswer(log, alice.label));
  await refuses("bad_vrf", await lookupAnswer(log, carol.label));
  await refuses("bad_vrf", await lookupAnswer(log, bob.label), null, mallory.label);
});

Deno.test("a VRF proof that is forged, or of another key, is refused", async () => {
  const { vrfProof } = decodeLookupProof((await lookupParts(log, bob.label)).extra!);
  await refuses("bad_vrf", await altered({ vrfProof: flipped(vrfProof, 400) }));
  const key = vrfKeyFromSeed(new Uint8Array(32));
  await refuses("bad_vrf", await altered({ vrfProof: vrfProve(key, vrfInput(bob.label, 0)) }));
});

Deno.test("a valid index in a BATCH that does not hold it is refused", async () => {
  const [ours, theirs] = [await lookupParts(log, bob.label), await lookupParts(log, carol.label)];
  const { batch } = decodeLookupProof(theirs.extra!);
  const extra = encodeLookupProof({ ...decodeLookupProof(ours.extra!), batch });
  await refuses("bad_vrf", formatAnswer({ ...theirs, extra }));
});

Deno.test("a record that the log committed to for Bob, but that is not Bob's, is refused", async () => {
  const liar = await makeTinyLog();
  appendRecords(liar, [{ label: bob.label, record: mallory.record }]);
  const answer = await lookupAnswer(liar, bob.label);
  const check = verifyLookup(liar.identity, bob.label, answer, null);
  await assert.rejects(check, { code: "bad_signature" });
});

Deno.test("a first record that was logged as a later version is refused", async () => {
  const liar = await makeTinyLog();
  appendRecords(liar, [{ ...bob, version: 1 }]);
  const answer = await lookupAnswer(liar, bob.label);
  const check = verifyLookup(liar.identity, bob.label, answer, null);
  await assert.rejects(check, { code: "bad_record" });
});

Deno.test("a record of the same label in another log is refused", async () => {
  const other = await makeTinyLog("countersign.example/kt/2");
  appendRecords(other, [bob]);
  const check = verifyLookup(other.identity, bob.label, await lookupAnswer(other, bob.label), null);
  await assert.rejects(check, { code: "bad_signature" });
});

// --- lies about inclusion ----------------------------------------------------------------------

Deno.test("a BATCH that is not in the tree, or elsewhere in it, is refused", async () => {
  const parts = await lookupParts(log, bob.label);
  const [first, ...rest] = parts.hashes as [Bytes, ...Bytes[]];
  const bad = [
    { ...parts, hashes: [flipped(first, 0), ...rest] },
    { ...parts, hashes: rest },
    { ...parts, hashes: [...parts.hashes, first] },
    { ...parts, index: 3 },
    { ...parts, index: 7 },
    { ...parts, index: Number.MAX_SAFE_INTEGER },
  ];
  for (const each of bad) await refuses("bad_proof", formatAnswer(each));
});

Deno.test("a BATCH made up for one answer is refused, though its VRF and commitment hold", async () => {
  const { opening, vrfProof } = decodeLookupProof((await lookupParts(log, bob.label)).extra!);
  const other = await makePerson("bob", { opkCount: 0 });
  const record = other.record.bytes;
  const commitment = commit(opening, { label: bob.label, version: 0, value: record });
  const batch = encodeBatch([{ vrfOutput: vrfProofToHash(vrfProof).slice(0, 32), commitment }]);
  await refuses("bad_proof", await altered({ batch, record }));
});

Deno.test("a ROOT or CONFIG presented as a BATCH is refused", async () => {
  const { extra } = await lookupParts(log, bob.label);
  for (const index of [0, 2]) {
    const batch = log.entries[index]!;
    const lie = encodeLookupProof({ ...decodeLookupProof(extra!), batch });
    await refuses("malformed", formatAnswer(await partsOf(log, index, lie)));
  }
});

// --- lies about the head -----------------------------------------------------------------------

Deno.test("a head smaller than the one trusted is a rollback", async () => {
  const small = forkOf(log);
  small.entries.length = 5;
  await refuses("head_rolled_back", await lookupAnswer(small, bob.label), await headAt(7));
});

Deno.test("a head that ends on no ROOT is none that this log publishes", async () => {
  for (const size of [0, 2, 6]) {
    const head = advanceHead(log.identity, await signedHead(log, size), null, []);
    await assert.rejects(head, { code: "bad_checkpoint" });
  }
});

Deno.test("a head of the same size with another root is a fork", async () => {
  const fork = forkOf(log);
  fork.entries.length = 5;
  appendRecords(fork, [mallory]);
  assert.equal(fork.entries.length, log.entries.length);
  const answer = await lookupAnswer(fork, bob.label, 7);
  await refuses("log_forked", answer, await headAt(7));
  // At first contact nobody can know; that is what witnesses and gossip are for.
  await verifyLookup(log.identity, bob.label, answer, null);
});

Deno.test("a larger head that does not continue the trusted one is a fork", async () => {
  const fork = forkOf(log);
  fork.entries.length = 5;
  for (const each of [mallory, erin]) appendRecords(fork, [each]);
  const trusted = await headAt(7);
  // With a consistency proof that is true of the fork itself, with the honest log's, and with none.
  const longer = forkOf(log);
  appendRecords(longer, [erin]);
  for (const consistency of [consistencyFrom(fork, 7), consistencyFrom(longer, 7), []]) {
    const answer = formatAnswer(await lookupParts(fork, bob.label), consistency);
    await refuses("log_forked", answer, trusted);
  }
});

Deno.test("an honest larger head with a wrong consistency proof is refused all the same", async () => {
  const longer = forkOf(log);
  appendRecords(longer, [erin]);
  const [parts, trusted] = [await lookupParts(longer, bob.label), await headAt(7)];
  const [first, ...rest] = consistencyFrom(longer, 7) as [Bytes, ...Bytes[]];
  await verifyLookup(log.identity, bob.label, formatAnswer(parts, [first, ...rest]), trusted);
  for (const consistency of [rest, [...rest, first], [flipped(first, 7), ...rest], []]) {
    await refuses("log_forked", formatAnswer(parts, consistency), trusted);
  }
});

Deno.test("a note that the log did not sign, or signed otherwise, is refused", async () => {
  const parts = await lookupParts(log, bob.label);
  const text = parts.checkpoint.slice(0, parts.checkpoint.indexOf("\n\n") + 1);
  const imposter = await makeTinyLog();
  const bad = [
    ["other_log", await signNote(text, [imposter.signer])],
    ["bad_note", parts.checkpoint.replace("\n7\n", "\n9\n")],
    ["bad_note", `${text}\n`],
    ["bad_note", text],
  ] as const;
  for (const [code, checkpoint] of bad) await refuses(code, formatAnswer({ ...parts, checkpoint }));
});

Deno.test("a checkpoint that the log signed for another origin, or with more lines, is refused", async () => {
  const parts = await lookupParts(log, bob.label);
  const text = parts.checkpoint.slice(0, parts.checkpoint.indexOf("\n\n") + 1);
  for (const body of [text.replace(ORIGIN, "other.example/kt/1"), `${text}more\n`]) {
    const checkpoint = await signNote(body, [log.signer]);
    await refuses("malformed", formatAnswer({ ...parts, checkpoint }));
  }
});

Deno.test("trailing text, a changed header or a second spelling of the proof is refused", async () => {
  const { proof, consistency } = await lookupAnswer(log, bob.label);
  const texts: [string, string][] = [
    ["malformed", proof.replace("@v1", "@v2")],
    ["malformed", ` ${proof}`],
    ["malformed", proof.replace("index 1", "index 01")],
    ["malformed", proof.replace("extra ", "extra  ")],
    ["bad_note", `${proof}\n`],
    ["bad_note", `${proof}trailing\n`],
    ["malformed", ""],
  ];
  for (const [code, text] of texts) {
    await refuses(code, { proof: text, consistency });
  }
});

Deno.test("an answer with any byte of its lookup proof changed is refused", async () => {
  const parts = await lookupParts(log, bob.label);
  const extra = parts.extra!;
  const bits = Array.from(extra, (_, i) => 8 * i + i % 8);
  await Promise.all(bits.map(async (bit) => {
    const answer = formatAnswer({ ...parts, extra: flipped(extra, bit) });
    await assert.rejects(verifyLookup(log.identity, bob.label, answer, null), `bit ${bit}`);
  }));
});

// --- CONFIG ------------------------------------------------------------------------------------

Deno.test("CONFIG is read at first contact and names the log's keys", async () => {
  const { config, head } = await verifyConfig(log.verifier, await configText(log));
  assert.deepEqual(config, log.config);
  assert.equal(head.size, 7);
  const young = await makeTinyLog();
  assert.equal((await verifyConfig(young.verifier, await configText(young))).head.size, 1);
});

Deno.test("a CONFIG that is not the first entry, or not in the log, is refused", async () => {
  const forged = encodeConfig({ ...log.config, maxBatch: 1 });
  const honest = await partsOf(log, 0, log.entries[0]!);
  const later = forkOf(log);
  later.entries[1] = forged;
  const bad: [string, string][] = [
    ["bad_proof", formatTlogProof({ ...honest, extra: forged })],
    ["bad_proof", formatTlogProof(await partsOf(later, 1, forged))],
    ["bad_proof", formatTlogProof({ ...honest, hashes: honest.hashes.slice(1) })],
    ["bad_proof", formatTlogProof({ ...honest, extra: utf8("") })],
    ["malformed", formatTlogProof({ ...honest, extra: null })],
    ["other_log", await configText(await makeTinyLog())],
  ];
  for (const [code, text] of bad) {
    await assert.rejects(verifyConfig(log.verifier, text), { code }, code);
  }
});

Deno.test("a CONFIG that names another log, or is another kind of entry, is refused", async () => {
  const entries: [string, Bytes][] = [
    ["bad_checkpoint", encodeConfig({ ...log.config, origin: "other.example/kt/1" })],
    ["malformed", concat(encodeConfig(log.config), Uint8Array.of(0))],
    ["malformed", log.entries[1]!],
  ];
  for (const [code, entry] of entries) {
    const liar = forkOf(log);
    liar.entries[0] = entry;
    await assert.rejects(verifyConfig(log.verifier, await configText(liar)), { code }, code);
  }
});
