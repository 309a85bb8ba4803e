import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import {
  extendTile,
  hashesFromTiles,
  hashFromTile,
  planTiles,
  planTileWrites,
  sliceTile,
  TILE_BYTES,
  tileOf,
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
  type Frontier,
  frontierRoot,
  type HashRef,
  leafHash,
  planConsistency,
  planInclusion,
  planRoot,
} from "../../crypto/tree.ts";

const SIZE = 70_300;
const SAMPLED = [1, 2, 255, 256, 257, 511, 513, 4095, 65_535, 65_536, 65_537, 65_793, 70_000, SIZE];

interface Log {
  readonly tiles: ReadonlyMap<string, Bytes>;
  readonly direct: ReadonlyMap<string, Bytes>;
  readonly frontiers: ReadonlyMap<number, Frontier>;
}

/** A log that stores tiles in batches of uneven sizes, and every hash beside them. */
function log(size: number): Log {
  const tiles = new Map<string, Bytes>();
  const direct = new Map<string, Bytes>();
  const frontiers = new Map<number, Frontier>();
  let frontier = emptyFrontier();
  let batch: CompletedHash[] = [];
  let batchEnd = 1;
  for (let i = 0; i < size; i++) {
    const step = append(frontier, leafHash(utf8(`${i}`)));
    frontier = step.frontier;
    batch.push(...step.completed);
    for (const { ref, hash } of step.completed) direct.set(`${ref.level}/${ref.index}`, hash);
    if (SAMPLED.includes(frontier.size)) frontiers.set(frontier.size, frontier);
    if (frontier.size < batchEnd && frontier.size < size) continue;
    for (const write of planTileWrites(batch)) {
      const key = `${write.level}/${write.index}`;
      tiles.set(key, extendTile(tiles.get(key) ?? null, write));
    }
    batch = [];
    batchEnd = frontier.size + 1 + (frontier.size * 7) % 601;
  }
  return { tiles, direct, frontiers };
}

const LOG = log(SIZE);

function read(refs: readonly HashRef[], size: number): Bytes[] {
  const plan = planTiles(refs, size);
  const distinct = new Set(plan.map(({ level, index }) => `${level}/${index}`));
  assert.equal(distinct.size, plan.length, "a tile is read once");
  // Cut to what the tree of that size has: later hashes must not be needed.
  const tiles = plan.map(({ level, index, width }) =>
    sliceTile({ level, index, data: LOG.tiles.get(`${level}/${index}`)! }, width)
  );
  return hashesFromTiles(refs, tiles);
}

Deno.test("hashes read through tiles are the hashes that appending gave", () => {
  for (const size of SAMPLED) {
    const indexes = [0, Math.floor(size / 3), size - 1];
    for (const index of indexes) {
      const refs = [
        ...planRoot(size),
        ...planInclusion(index, size),
        ...planConsistency(index + 1, size),
      ];
      const expected = refs.map(({ level, index }) => LOG.direct.get(`${level}/${index}`)!);
      assert.deepEqual(read(refs, size), expected);
    }
  }
});

Deno.test("proofs made of tiles verify against the root", () => {
  for (const size of SAMPLED) {
    const root = frontierRoot(LOG.frontiers.get(size)!);
    assert.deepEqual(buildRoot(size, read(planRoot(size), size)), root);
    for (const index of [0, Math.floor(size / 2), size - 1]) {
      const proof = buildInclusion(index, size, read(planInclusion(index, size), size));
      checkInclusion(index, size, leafHash(utf8(`${index}`)), proof, root);
    }
    for (const from of SAMPLED.filter((from) => from <= size)) {
      const proof = buildConsistency(from, size, read(planConsistency(from, size), size));
      checkConsistency(from, frontierRoot(LOG.frontiers.get(from)!), size, root, proof);
    }
  }
});

Deno.test("a tree of 70,000 leaves has the tiles of the example in tlog-tiles", () => {
  const widths = (level: number) => {
    const found: number[] = [];
    for (let index = 0;; index++) {
      const width = tileWidth({ level, index }, 70_000);
      if (width === 0) return found;
      found.push(width);
    }
  };
  assert.deepEqual(widths(0), [...Array(273).fill(256), 112]);
  assert.deepEqual(widths(1), [256, 17]);
  assert.deepEqual(widths(2), [1]);
  assert.deepEqual(widths(3), []);
  assert.equal(tileWidth({ level: 1, index: 0 }, 256), 1);
});

Deno.test("stored tiles have the width that their tree says, and nothing else is stored", () => {
  let hashes = 0;
  for (const [key, data] of LOG.tiles) {
    const [level, index] = key.split("/").map(Number) as [number, number];
    assert.equal(data.length, 32 * tileWidth({ level, index }, SIZE));
    hashes += data.length / 32;
  }
  assert.equal(hashes, SIZE + Math.floor(SIZE / 256) + Math.floor(SIZE / 65_536));
});

Deno.test("a subtree lies in one tile, above 2^32 as well", () => {
  assert.deepEqual(tileOf({ level: 0, index: 1000 }), { level: 0, index: 3, first: 232, count: 1 });
  assert.deepEqual(tileOf({ level: 3, index: 33 }), { level: 0, index: 1, first: 8, count: 8 });
  assert.deepEqual(tileOf({ level: 7, index: 3 }), { level: 0, index: 1, first: 128, count: 128 });
  assert.deepEqual(tileOf({ level: 8, index: 256 }), { level: 1, index: 1, first: 0, count: 1 });
  assert.deepEqual(
    tileOf({ level: 1, index: 2 ** 51 + 3 }),
    { level: 0, index: 2 ** 44, first: 6, count: 2 },
  );
  const refs = [...planInclusion(2 ** 40 + 5, 2 ** 53 - 1), ...planRoot(2 ** 53 - 1)];
  for (const { level, index, width } of planTiles(refs, 2 ** 53 - 1)) {
    assert.ok(level <= 6 && Number.isSafeInteger(index) && width >= 1 && width <= 256);
    const exact = (2n ** 53n - 1n) / 256n ** BigInt(level) - BigInt(index) * 256n;
    assert.equal(BigInt(width), exact > 256n ? 256n : exact);
  }
});

Deno.test("a plan for a subtree that the tree does not have is a bug", () => {
  planTiles([{ level: 1, index: 4 }], 10);
  assert.throws(() => planTiles([{ level: 1, index: 4 }], 9), /^Error: bug:/);
});

Deno.test("a tile that is too short, too long or ragged is refused", () => {
  const malformed = { code: "malformed" };
  const tile = (bytes: number) => ({ level: 0, index: 0, data: new Uint8Array(bytes) });
  hashFromTile(tile(64), { level: 1, index: 0 });
  assert.throws(() => hashFromTile(tile(32), { level: 1, index: 0 }), malformed);
  assert.throws(() => hashFromTile(tile(65), { level: 1, index: 0 }), malformed);
  assert.throws(() => hashFromTile(tile(TILE_BYTES + 32), { level: 1, index: 0 }), malformed);
  assert.throws(() => hashFromTile(tile(64), { level: 0, index: 256 }), /^Error: bug:/);
});

Deno.test("a write overwrites leftovers behind its place and refuses a gap before it", () => {
  const write = { level: 0, index: 0, first: 2, hashes: new Uint8Array(32).fill(7) };
  const held = new Uint8Array(128).fill(1);
  assert.deepEqual(extendTile(held, write), Uint8Array.of(...held.slice(0, 64), ...write.hashes));
  assert.throws(() => extendTile(held.slice(0, 32), write), { code: "malformed" });
  assert.throws(() => extendTile(null, write), { code: "malformed" });
  assert.deepEqual(extendTile(null, { ...write, first: 0 }), write.hashes);
});
