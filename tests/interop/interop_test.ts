import assert from "node:assert/strict";
import { fromBase64, toBase64 } from "../../crypto/base64.ts";
import { type Bytes, compare, fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { encodeCheckpoint, openCheckpoint } from "../../crypto/checkpoint.ts";
import { ed25519Cosigner, mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { decodeEntryBundle, encodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { encodeBatch, encodeConfig, encodeEpochRoot } from "../../crypto/log_entry.ts";
import { ed25519Signer, formatNote, parseNote, signNote } from "../../crypto/note.ts";
import { formatVerifierKey, NOTE_KEY_TYPE, verifierKey } from "../../crypto/note_key.ts";
import { checkPolicy, freshnessOf, type LogPolicy, policyVerifiers } from "../../crypto/policy.ts";
import { formatPolicy, parsePolicy } from "../../crypto/policy_text.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { formatTlogProof, parseTlogProof } from "../../crypto/proof.ts";
import {
  extendTile,
  hashesFromTiles,
  planTiles,
  planTileWrites,
  type Tile,
  TILE_WIDTH,
  tileWidth,
} from "../../crypto/tile.ts";
import {
  append,
  buildConsistency,
  buildInclusion,
  buildRoot,
  checkConsistency,
  checkInclusion,
  type CompletedHash,
  emptyFrontier,
  type HashRef,
  leafHash,
  planConsistency,
  planInclusion,
  planRoot,
  rootOf,
} from "../../crypto/tree.ts";
import { ENTRIES, formatTilePath } from "../../wire/tile_path.ts";
import { buildInterop, runTool } from "./go_tool.ts";

const ORIGIN = "countersign.example/kt/1";
const TIME_S = 1_800_000_000;
/** Two full tiles and a bit, ending on a ROOT. */
const SIZE = 2 * TILE_WIDTH + 89;

/** A log as it is stored: entries, and the tiles they make. */
interface StoredLog {
  readonly entries: readonly Bytes[];
  readonly tiles: ReadonlyMap<string, Tile>;
}

async function makeEntries(): Promise<Bytes[]> {
  const operator = await generateSigningKeyPair();
  const entries = [encodeConfig({
    vrfPublicKey: operator.publicKey,
    operatorKey: operator.publicKey,
    origin: ORIGIN,
    maxBatch: 128,
    createdMs: TIME_S * 1000,
  })];
  while (entries.length < SIZE) {
    const pairs = Array.from({ length: 1 + entries.length % 5 }, () => ({
      vrfOutput: randomBytes(32),
      commitment: randomBytes(32),
    }));
    pairs.sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
    const timestampMs = TIME_S * 1000 + entries.length;
    entries.push(encodeBatch(pairs), encodeEpochRoot({ timestampMs, prefixRoot: randomBytes(32) }));
  }
  return entries;
}

function store(entries: readonly Bytes[]): StoredLog {
  const tiles = new Map<string, Tile>();
  let frontier = emptyFrontier();
  const completed: CompletedHash[] = [];
  for (const entry of entries) {
    const next = append(frontier, leafHash(entry));
    frontier = next.frontier;
    completed.push(...next.completed);
  }
  for (const write of planTileWrites(completed)) {
    const { level, index } = write;
    tiles.set(`${level}/${index}`, { level, index, data: extendTile(null, write) });
  }
  return { entries, tiles };
}

function hashesOf({ tiles, entries }: StoredLog, refs: readonly HashRef[]): Bytes[] {
  const read = planTiles(refs, entries.length).map(({ level, index }) =>
    tiles.get(`${level}/${index}`)!
  );
  return hashesFromTiles(refs, read);
}

function rootAt(log: StoredLog, size: number): Bytes {
  return buildRoot(size, hashesOf(log, planRoot(size)));
}

function inclusionAt(log: StoredLog, index: number): Bytes[] {
  const size = log.entries.length;
  return buildInclusion(index, size, hashesOf(log, planInclusion(index, size)));
}

function consistencyBetween(log: StoredLog, from: number, to: number): Bytes[] {
  return buildConsistency(from, to, hashesOf(log, planConsistency(from, to)));
}

async function writeTo(folder: string, path: string, data: Bytes | string): Promise<void> {
  const file = `${folder}/${path}`;
  await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(file, typeof data === "string" ? utf8(data) : data);
}

async function writeLog(folder: string, log: StoredLog): Promise<void> {
  const size = log.entries.length;
  for (const { level, index, data } of log.tiles.values()) {
    const width = tileWidth({ level, index }, size);
    await writeTo(folder, formatTilePath({ level, index, width }), data);
    if (level > 0) continue;
    const first = index * TILE_WIDTH;
    const bundle = encodeEntryBundle(log.entries.slice(first, first + width));
    await writeTo(folder, formatTilePath({ level: ENTRIES, index, width }), bundle);
  }
  await writeTo(folder, "entries", encodeEntryBundle(log.entries));
  const indexes = [0, 1, 2, 255, 256, 257, 511, 512, 513, size - 2, size - 1];
  const inclusions = indexes.map((index) => ({
    index,
    hashes: inclusionAt(log, index).map(toBase64),
  }));
  const pairs = [[1, size], [3, size], [255, 257], [256, size], [257, 513], [size, size]] as const;
  const consistencies = pairs.map(([from, to]) => ({
    from,
    to,
    older: toBase64(rootAt(log, from)),
    newer: toBase64(rootAt(log, to)),
    hashes: consistencyBetween(log, from, to).map(toBase64),
  }));
  await writeTo(folder, "inclusions.json", JSON.stringify(inclusions));
  await writeTo(folder, "consistencies.json", JSON.stringify(consistencies));
}

async function writeHead(folder: string, log: StoredLog): Promise<void> {
  const pair = await generateSigningKeyPair();
  const [logPQ, w1, w2] = [
    await mlDsa44Cosigner(ORIGIN, randomBytes(32)),
    ed25519Cosigner("witness.example/w1", await generateSigningKeyPair()),
    await mlDsa44Cosigner("witness.example/w2", randomBytes(32)),
  ];
  const policy: LogPolicy = {
    logs: [verifierKey(ORIGIN, NOTE_KEY_TYPE.ed25519, pair.publicKey)],
    witnesses: [w1, w2].map(({ key }, i) => ({ id: `w${i}`, key, url: null })),
    groups: [{ id: "both", threshold: 2, members: ["w0", "w1"] }],
    quorum: "both",
  };
  const size = log.entries.length;
  const text = encodeCheckpoint({ origin: ORIGIN, size, root: rootAt(log, size) });
  const alone = await signNote(text, [ed25519Signer(ORIGIN, pair)]);
  const lines = await Promise.all([logPQ, w1, w2].map((one) => one.sign(text, TIME_S)));
  const note = formatNote(text, [...parseNote(alone).signatures, ...lines]);
  // What is written is also what is believed here.
  checkPolicy(policy, await openCheckpoint(note, ORIGIN, policyVerifiers(policy)), TIME_S * 1000);

  const vkeys = [policy.logs[0]!, logPQ.key].map(formatVerifierKey);
  await writeTo(folder, "log.keys", vkeys.join("\n"));
  await writeTo(
    folder,
    "witness.keys",
    [w1, w2].map(({ key }) => formatVerifierKey(key)).join("\n"),
  );
  await writeTo(folder, "policy", formatPolicy(policy));
  await writeTo(folder, "checkpoint", note);
  await writeTo(folder, "checkpoint.alone", alone);
  const [index, extra] = [size - 1, utf8("extra")];
  const hashes = inclusionAt(log, index);
  await writeTo(folder, "proof", formatTlogProof({ index, hashes, extra, checkpoint: note }));
}

Deno.test("Go's own packages accept the log: notes, cosignatures, tiles, entries and proofs", async () => {
  await withProgram(async (program, folder) => {
    const log = store(await makeEntries());
    await writeLog(folder, log);
    await writeHead(folder, log);
    const { code, text } = await runTool(program, ["check", folder]);
    assert.equal(code, 0, text);
    const lines = text.trim().split("\n");
    assert.ok(lines.every((line) => line.startsWith("ok ")), text);
    assert.equal(lines.length, 21, text);

    // And would not accept another: one bit of one tile, one entry, one hash.
    const tile = `${folder}${formatTilePath({ level: 0, index: 1, width: TILE_WIDTH })}`;
    await flipped(tile, async () => {
      const said = await runTool(program, ["check", folder]);
      assert.match(said.text, /^FAILED tlog\.TileHashReader/m);
    });
    const bundle = `${folder}${formatTilePath({ level: ENTRIES, index: 0, width: TILE_WIDTH })}`;
    await flipped(bundle, async () => {
      const said = await runTool(program, ["check", folder]);
      assert.match(said.text, /^FAILED torchwood's client/m);
    });
  });
});

Deno.test("what Go signs, stores and proves is accepted here", async () => {
  await withProgram(async (program, folder) => {
    const made = await runTool(program, ["make", folder]);
    assert.equal(made.code, 0, made.text);
    const read = (path: string): Promise<Bytes> => Deno.readFile(`${folder}/${path}`);
    const text = async (path: string): Promise<string> => fromUtf8(await read(path))!;
    const json = async (path: string): Promise<unknown> => JSON.parse(await text(path));

    const policy = parsePolicy(await text("go.policy"));
    const note = await text("go.checkpoint");
    const origin = "go.example/kt/1";
    const head = await openCheckpoint(note, origin, policyVerifiers(policy));
    checkPolicy(policy, head, null);
    assert.ok(Math.abs(freshnessOf(policy, head)! - Date.now()) < 60_000);
    assert.equal(head.size, 333);

    const entries = [
      ...decodeEntryBundle(await read("go/tile/entries/000"), 256),
      ...decodeEntryBundle(await read("go/tile/entries/001.p/77"), 77),
    ];
    assert.equal(fromUtf8(entries[300]!), "entry 300");
    const leaves = entries.map(leafHash);
    assert.deepEqual(rootOf(leaves), head.root);
    const log = store(entries);
    for (const { level, index, data } of log.tiles.values()) {
      const path = formatTilePath({ level, index, width: tileWidth({ level, index }, 333) });
      assert.deepEqual(await read(path.replace("/log/", "go/")), data, path);
    }
    assert.equal(log.tiles.size, 3);

    const inclusions = await json("go.inclusions.json") as { index: number; hashes: string[] }[];
    assert.equal(inclusions.length, 333);
    for (const { index, hashes } of inclusions) {
      const proof = hashes.map((hash) => fromBase64(hash)!);
      checkInclusion(index, 333, leaves[index]!, proof, head.root);
      assert.deepEqual(proof, inclusionAt(log, index));
    }
    const consistency = await json("go.consistency.json") as Record<string, unknown>;
    const proof = (consistency.hashes as string[]).map((hash) => fromBase64(hash)!);
    checkConsistency(200, fromBase64(consistency.older as string)!, 333, head.root, proof);

    const kept = parseTlogProof(await text("go.proof"));
    assert.equal(kept.checkpoint, note);
    assert.equal(fromUtf8(kept.extra!), "extra");
    checkInclusion(kept.index, 333, leaves[77]!, kept.hashes, head.root);
  });
});

async function withProgram(
  work: (program: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const program = await buildInterop(folder);
    if (program !== null) await work(program, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function flipped(path: string, work: () => Promise<void>): Promise<void> {
  const bytes = await Deno.readFile(path);
  const other = Uint8Array.from(bytes);
  other[other.length - 1]! ^= 1;
  await Deno.writeFile(path, other);
  await work();
  await Deno.writeFile(path, bytes);
}
