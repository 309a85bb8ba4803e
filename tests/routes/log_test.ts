import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { fromBase64, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, toHex } from "../../crypto/bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { decodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { decodeBatch, decodeConfig, decodeEpochRoot } from "../../crypto/log_entry.ts";
import { CryptoError } from "../../crypto/error.ts";
import { ed25519Verifier, formatVerifierKey, parseVerifierKey } from "../../crypto/note_key.ts";
import { parsePolicy } from "../../crypto/policy_text.ts";
import { hashesFromTiles, planTiles, type Tile } from "../../crypto/tile.ts";
import {
  buildInclusion,
  buildRoot,
  checkConsistency,
  checkInclusion,
  leafHash,
  planInclusion,
  planRoot,
} from "../../crypto/tree.ts";
import { verifyTransition } from "../../crypto/transition_audit.ts";
import { auditPath, consistencyFromWire, consistencyPath, epochFromWire } from "../../wire/log.ts";
import { readPublished, writePublished } from "../../kv/published.ts";
import { commit } from "../../kv/transact.ts";
import { ENTRIES, formatTilePath, type TilePath } from "../../wire/tile_path.ts";
import { registered } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";

const FOREVER = "public, max-age=31536000, immutable";

/** Names that the log holds, each in an epoch of its own. */
async function grow(service: TestService, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) await registered(service, `name${i}`);
}

async function head(service: TestService): Promise<SignedCheckpoint> {
  const described = await (await fetch(`${service.url}/.well-known/countersign`)).json();
  const verifier = ed25519Verifier(parseVerifierKey(described.verifier));
  const note = await (await fetch(`${service.url}/log/checkpoint`)).text();
  return await openCheckpoint(note, described.origin, [verifier]);
}

async function bytesAt(service: TestService, path: string): Promise<Bytes> {
  const response = await fetch(service.url + path);
  equal(response.status, 200, path);
  return new Uint8Array(await response.arrayBuffer());
}

/** A tile of a tree of some size, as a client that has verified that size asks for it. */
function tileOf(
  service: TestService,
  level: TilePath["level"],
  index: number,
  width: number,
): Promise<Bytes> {
  return bytesAt(service, formatTilePath({ level, index, width }));
}

/** RFC 6962, section 2.1, written apart from `crypto/tree.ts`. */
function treeHash(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!;
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  const [left, right] = [treeHash(hashes.slice(0, k)), treeHash(hashes.slice(k))];
  return sha256(Uint8Array.of(1), left, right);
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** Every entry, out of bundles as wide as the tree has them. */
async function allEntries(service: TestService, size: number): Promise<Bytes[]> {
  const entries: Bytes[] = [];
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256);
    const bundle = await tileOf(service, ENTRIES, index, width);
    entries.push(...decodeEntryBundle(bundle, width));
  }
  return entries;
}

/** Every tile of the tree by level and index, in hexadecimal. */
async function allTiles(service: TestService, size: number): Promise<Map<string, string>> {
  const tiles = new Map<string, string>();
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / 256)) {
    for (let index = 0; index * 256 < count; index++) {
      const width = Math.min(256, count - index * 256);
      tiles.set(`${level}/${index}`, toHex(await tileOf(service, level, index, width)));
    }
  }
  return tiles;
}

Deno.test("a stranger replays a growing log from its tiles and entries alone", async () => {
  await using service = await startService();
  await grow(service, 0, 3);
  const early = await head(service);
  equal(early.size, 7);
  const earlyTiles = await allTiles(service, early.size);
  const earlyEntries = await allEntries(service, early.size);

  // Beyond one full tile, so that there is a tile of the second level.
  await grow(service, 3, 127);
  const late = await head(service);
  equal(late.size, 261);
  const entries = await allEntries(service, late.size);
  const tiles = await allTiles(service, late.size);
  deepEqual([...tiles.keys()], ["0/0", "0/1", "1/0"]);

  // The root out of the entries, and every tile out of them as well.
  const leaves = entries.map((entry) => sha256(Uint8Array.of(0), entry));
  equal(toHex(treeHash(leaves)), toHex(late.root));
  equal(tiles.get("0/0")! + tiles.get("0/1")!, leaves.map(toHex).join(""));
  equal(tiles.get("1/0"), toHex(treeHash(leaves.slice(0, 256))));

  // What the entries say.
  equal(decodeConfig(entries[0]!).origin, late.origin);
  let lastMs = 0;
  for (let index = 1; index < entries.length; index += 2) {
    equal(decodeBatch(entries[index]!).length, 1);
    const { timestampMs } = decodeEpochRoot(entries[index + 1]!);
    ok(timestampMs >= lastMs);
    lastMs = timestampMs;
  }

  // What was served for the small tree is still there, and is the beginning of the large one.
  deepEqual(await allTiles(service, early.size), earlyTiles);
  deepEqual(await allEntries(service, early.size), earlyEntries);
  deepEqual(entries.slice(0, early.size), earlyEntries);
  equal(toHex(treeHash(leaves.slice(0, early.size))), toHex(early.root));
  deepEqual(service.faults, []);
});

Deno.test("a client walks the tiles to a root, to a leaf, and from one head to the next", async () => {
  await using service = await startService();
  await grow(service, 0, 2);
  const early = await head(service);
  await grow(service, 2, 130);
  const late = await head(service);
  const read = async (plan: ReturnType<typeof planTiles>): Promise<Tile[]> =>
    await Promise.all(plan.map(async ({ level, index, width }) => {
      return { level, index, data: await tileOf(service, level, index, width) };
    }));

  const rootRefs = planRoot(late.size);
  const rootTiles = await read(planTiles(rootRefs, late.size));
  deepEqual(buildRoot(late.size, hashesFromTiles(rootRefs, rootTiles)), late.root);

  for (const index of [0, 1, 128, 255, 256, late.size - 1]) {
    const refs = planInclusion(index, late.size);
    const tiles = await read(planTiles(refs, late.size));
    const proof = buildInclusion(index, late.size, hashesFromTiles(refs, tiles));
    const [bundle, place] = [Math.floor(index / 256), index % 256];
    const entries = await tileOf(service, ENTRIES, bundle, place + 1 === 256 ? 256 : place + 1);
    const entry = decodeEntryBundle(entries, place + 1)[place]!;
    checkInclusion(index, late.size, leafHash(entry), proof, late.root);
  }

  const answer = await fetch(service.url + consistencyPath(early.size, late.size));
  const hashes = consistencyFromWire(await answer.json());
  checkConsistency(early.size, early.root, late.size, late.root, hashes);
});

Deno.test("the checkpoint is the published note, and is asked for again after seconds", async () => {
  await using service = await startService();
  await grow(service, 0, 1);
  const path = `${service.url}/log/checkpoint`;
  const first = await fetch(path);
  equal(first.headers.get("content-type"), "text/plain; charset=utf-8");
  match(first.headers.get("cache-control")!, /^public, max-age=[1-9]$/);
  const note = await first.text();
  const [origin, size, root, blank, signature] = note.split("\n");
  deepEqual([origin, size, blank], ["test.invalid/kt/1", "3", ""]);
  equal(fromBase64(root!)?.length, 32);
  match(signature!, /^\u2014 test\.invalid\/kt\/1 \S+$/);

  const etag = first.headers.get("etag")!;
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await fetch(path, { headers: { "if-none-match": known } });
    deepEqual([again.status, again.headers.get("etag"), await again.text()], [304, etag, ""]);
  }
  await grow(service, 1, 1);
  const grown = await fetch(path, { headers: { "if-none-match": etag } });
  equal(grown.status, 200);
  match(await grown.text(), /^test\.invalid\/kt\/1\n5\n/);
});

Deno.test("what is final is cached for good, is everybody's, and carries no nonce", async () => {
  await using service = await startService();
  await grow(service, 0, 1);
  for (
    const path of [
      "/log/tile/0/000.p/3",
      "/log/tile/0/000.p/1",
      "/log/tile/entries/000.p/3",
      "/log/consistency?from=1&to=3",
    ]
  ) {
    const response = await fetch(service.url + path);
    const bytes = await response.arrayBuffer();
    equal(response.headers.get("cache-control"), FOREVER, path);
    equal(response.headers.has("dpop-nonce"), false, path);
    equal(response.headers.get("access-control-allow-origin"), "*", path);
    equal(response.headers.get("cross-origin-resource-policy"), "cross-origin", path);
    const etag = response.headers.get("etag")!;
    const again = await fetch(service.url + path, { headers: { "if-none-match": etag } });
    deepEqual([again.status, await again.text()], [304, ""], path);
    const asked = await fetch(service.url + path, { method: "HEAD" });
    deepEqual([asked.status, asked.headers.get("etag"), await asked.text()], [200, etag, ""], path);
    equal(asked.headers.get("content-length"), String(bytes.byteLength), path);
    if (!path.startsWith("/log/tile")) continue;
    equal(response.headers.get("content-type"), "application/octet-stream");
    ok(bytes.byteLength > 0);
  }
});

Deno.test("only tiles that the committed tree has at that width are served", async () => {
  await using service = await startService();
  await grow(service, 0, 1);
  for (
    const path of [
      "/log/tile/0/000",
      "/log/tile/0/000.p/4",
      "/log/tile/0/000.p/0",
      "/log/tile/0/000.p/03",
      "/log/tile/0/000.p/256",
      "/log/tile/0/001.p/1",
      "/log/tile/1/000.p/1",
      "/log/tile/63/000.p/1",
      "/log/tile/64/000.p/1",
      "/log/tile/00/000.p/1",
      "/log/tile/-1/000.p/1",
      "/log/tile/0/x000/000.p/1",
      "/log/tile/0/0.p/1",
      "/log/tile/0/%3000.p/1",
      "/log/tile/0/x009/x007/x199/x254/x740/991",
      "/log/tile/0/x999/x999/x999/x999/x999/x999/999.p/1",
      "/log/tile/0/%EF%BC%90%EF%BC%90%EF%BC%90.p/1",
      "/log/tile/0/000.p/1/",
      "/log/tile/entries/000",
      "/log/tile/entries/000.p/4",
      "/log/tile/entries/001.p/1",
      "/log/tile/entries/000.p/%31",
      "/log/tile/",
      "/log/tile",
      "/log/tile/%",
      "/log/tile/%FF%FE",
      "/log/tile/0/000.p/3?",
      "/log/tile/0/000.p/3?x=1",
      "/log/tile/entries/000.p/1?x=1",
      "/log/checkpoint?",
      "/log/checkpoint?x=1",
      "/log/audited?x=1",
      "/log/%63heckpoint",
      "/log/%74ile/0/000.p/3",
      "/log/nothing",
    ]
  ) {
    const response = await fetch(service.url + path);
    const problem = await response.json();
    deepEqual([response.status, problem.code], [404, "not_found"], path);
    equal(response.headers.get("content-type"), "application/problem+json", path);
    // An absent tile may be there in a moment.
    equal(response.headers.get("cache-control"), "no-store", path);
    equal(response.headers.get("access-control-allow-origin"), "*", path);
  }
  deepEqual(service.faults, []);
});

Deno.test("a consistency proof is for two sizes that the log has had, in their one spelling", async () => {
  await using service = await startService();
  await grow(service, 0, 2);
  const same = await fetch(`${service.url}/log/consistency?from=5&to=5`);
  deepEqual(await same.json(), { from: 5, to: 5, hashes: [] });
  const all = await fetch(`${service.url}/log/consistency?from=0&to=0`);
  deepEqual(await all.json(), { from: 0, to: 0, hashes: [] });
  for (
    const [query, status, code] of [
      ["", 400, "malformed"],
      ["from=1", 400, "malformed"],
      ["to=1", 400, "malformed"],
      ["from=1&to=3&to=3", 400, "malformed"],
      ["from=1&to=3&x=1", 400, "malformed"],
      ["to=3&from=1", 400, "malformed"],
      ["from=1&to=3&", 400, "malformed"],
      ["from=1&to=3?", 400, "malformed"],
      ["from=1&to=3&x=?from=1&to=3", 400, "malformed"],
      ["from=%31&to=3", 400, "malformed"],
      ["from=01&to=3", 400, "malformed"],
      ["from=-1&to=3", 400, "malformed"],
      ["from=1&to=%2B3", 400, "malformed"],
      ["from=1&to=3e0", 400, "malformed"],
      ["from=1&to=3.0", 400, "malformed"],
      ["from=1&to=%EF%BC%93", 400, "malformed"],
      ["from=1&to=9007199254740992", 400, "malformed"],
      ["from=%FF&to=3", 400, "malformed"],
      ["from=3&to=1", 400, "malformed"],
      ["from=1&to=6", 409, "head_unknown"],
      ["from=1&to=9007199254740991", 409, "head_unknown"],
    ] as const
  ) {
    const response = await fetch(`${service.url}/log/consistency?${query}`);
    deepEqual([response.status, (await response.json()).code], [status, code], query);
  }
  deepEqual(service.faults, []);
});

Deno.test("a stranger audits any epoch, in any published tree that holds it", async () => {
  await using service = await startService();
  await grow(service, 0, 20);
  const early = await head(service);
  await grow(service, 20, 2);
  const late = await head(service);
  for (const [tree, index] of [[early, 2], [early, 40], [late, 40], [late, 44]] as const) {
    const response = await fetch(service.url + auditPath(index, tree.size));
    equal(response.headers.get("cache-control"), FOREVER);
    equal(response.headers.has("dpop-nonce"), false);
    const answer = epochFromWire(await response.json());
    equal(verifyTransition(tree, index, answer).added, 1);
    // Another epoch is not shown by it.
    throws(() => verifyTransition(tree, index === 2 ? 4 : 2, answer), CryptoError);
  }
  const newest = await fetch(`${service.url}/log/audit/40`);
  match(newest.headers.get("cache-control")!, /^public, max-age=[1-9]$/);
  const described = await newest.json();
  deepEqual([described.index, described.size], [40, late.size]);
  verifyTransition(late, 40, epochFromWire(described));
  deepEqual(service.faults, []);
});

Deno.test("an epoch is asked for by the index of its ROOT and the size of a published tree", async () => {
  await using service = await startService();
  await grow(service, 0, 2);
  for (
    const [path, status, code] of [
      ["0", 404, "not_found"],
      ["1", 404, "not_found"],
      ["3", 404, "not_found"],
      ["6", 404, "not_found"],
      ["4?size=3", 404, "not_found"],
      ["4?size=4", 404, "not_found"],
      ["02", 404, "not_found"],
      ["-2", 404, "not_found"],
      ["2.0", 404, "not_found"],
      ["%EF%BC%92", 404, "not_found"],
      ["9007199254740992", 404, "not_found"],
      ["9007199254740990", 404, "not_found"],
      ["", 404, "not_found"],
      ["2/", 404, "not_found"],
      ["%32", 404, "not_found"],
      ["2?", 400, "malformed"],
      ["2?x=1", 400, "malformed"],
      ["2?size=%35", 400, "malformed"],
      ["2?size=7", 409, "head_unknown"],
      ["2?size=05", 400, "malformed"],
      ["2?size=5&size=5", 400, "malformed"],
      ["2?to=5", 400, "malformed"],
      ["2?size=", 400, "malformed"],
    ] as const
  ) {
    const response = await fetch(`${service.url}/log/audit/${path}`);
    deepEqual([response.status, (await response.json()).code], [status, code], path);
  }
  deepEqual(service.faults, []);
});

Deno.test("the audited head is what an auditor cosigned, and is absent before", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv });
  const none = await fetch(`${service.url}/log/audited`);
  deepEqual([none.status, (await none.json()).code], [404, "not_found"]);
  const log = { kv, origin: "test.invalid/kt/1" };
  const published = (await readPublished(log))!.value;
  const audited = { ...published, note: `${published.note}\u2014 auditor AAAAAAA=\n` };
  await commit(kv, [], writePublished(log, audited, true));
  const there = await fetch(`${service.url}/log/audited`);
  equal(there.headers.get("content-type"), "text/plain; charset=utf-8");
  match(there.headers.get("cache-control")!, /^public, max-age=[1-9]$/);
  equal(await there.text(), audited.note);
});

Deno.test("the service says which keys, which policy and whose witnesses its log has", async () => {
  await using service = await startService({ isPostQuantum: true });
  const described = await (await fetch(`${service.url}/.well-known/countersign`)).json();
  const types = described.verifiers.map((key: string) => parseVerifierKey(key).type);
  deepEqual(types, [0x01, 0x06]);
  equal(described.verifiers[0], described.verifier);
  equal(described.policy, "open");
  const { logs, witnesses, quorum } = parsePolicy(described.witnesses);
  deepEqual(logs.map(formatVerifierKey), described.verifiers);
  deepEqual([witnesses, quorum], [[], null]);
  const entry = decodeEntryBundle(await tileOf(service, ENTRIES, 0, 1), 1)[0]!;
  equal(toBase64Url(decodeConfig(entry).vrfPublicKey), described.vrf);
});

Deno.test("the log is read only, by whatever method", async () => {
  await using service = await startService();
  for (
    const path of [
      "/log/checkpoint",
      "/log/audited",
      "/log/tile/0/000.p/1",
      "/log/consistency?from=0&to=1",
      "/log/audit/2",
    ]
  ) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const response = await fetch(service.url + path, { method });
      deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"], path);
      equal((await response.json()).code, "method_not_allowed");
    }
    const preflight = await fetch(service.url + path, { method: "OPTIONS" });
    equal(preflight.status, 204);
    match(preflight.headers.get("access-control-allow-headers")!, /If-None-Match/);
    await preflight.body?.cancel();
  }
});

Deno.test("a bundle is as long as its entries with two bytes before each", async () => {
  await using service = await startService();
  await grow(service, 0, 1);
  const [whole, first] = await Promise.all([
    tileOf(service, ENTRIES, 0, 3),
    tileOf(service, ENTRIES, 0, 1),
  ]);
  deepEqual(whole.subarray(0, first.length), first);
  const lengths = decodeEntryBundle(whole, 3).map((entry) => entry.length);
  equal(whole.length, lengths.reduce((sum, length) => sum + length + 2, 0));
  deepEqual(lengths.slice(1), [3 + 64, 41]);
});
