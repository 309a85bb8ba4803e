import { deepEqual, equal } from "node:assert/strict";
import { ENTRIES, formatTilePath, parseTilePath, type TilePath } from "../../wire/tile_path.ts";

Deno.test("the index of a tile is spelt in groups of three digits", () => {
  const spelt: readonly (readonly [TilePath, string])[] = [
    [{ level: 0, index: 0, width: 256 }, "/log/tile/0/000"],
    [{ level: 0, index: 67, width: 1 }, "/log/tile/0/067.p/1"],
    [{ level: 1, index: 1_000, width: 255 }, "/log/tile/1/x001/000.p/255"],
    // The example of C2SP tlog-tiles.
    [{ level: 63, index: 1_234_067, width: 256 }, "/log/tile/63/x001/x234/067"],
    [{ level: ENTRIES, index: 1_234_067, width: 112 }, "/log/tile/entries/x001/x234/067.p/112"],
    [
      { level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 },
      "/log/tile/0/x009/x007/x199/x254/x740/991",
    ],
  ];
  for (const [tile, path] of spelt) {
    equal(formatTilePath(tile), path);
    deepEqual(parseTilePath(path), tile, path);
  }
});

Deno.test("a tile has one path, and nothing else is one", () => {
  for (
    const path of [
      "",
      "/log/tile/",
      "/log/tile/0",
      "/log/tile/0/",
      "/log/tile/0/0",
      "/log/tile/0/00",
      "/log/tile/0/0000",
      "/log/tile/0/1000",
      "/log/tile/0/x000/000",
      "/log/tile/0/x000/x001/000",
      "/log/tile/0/001/000",
      "/log/tile/0/x001",
      "/log/tile/0/x001/x000",
      "/log/tile/0/X001/000",
      "/log/tile/00/000",
      "/log/tile/01/000",
      "/log/tile/64/000",
      "/log/tile/-1/000",
      "/log/tile/+1/000",
      "/log/tile/1e1/000",
      "/log/tile/0/-01",
      "/log/tile/0/+01",
      "/log/tile/0/ 01",
      "/log/tile/0/０００",
      "/log/tile/0/٠٠٠",
      "/log/tile/0/000.p/0",
      "/log/tile/0/000.p/01",
      "/log/tile/0/000.p/256",
      "/log/tile/0/000.p/257",
      "/log/tile/0/000.p/-1",
      "/log/tile/0/000.p/",
      "/log/tile/0/000.p",
      "/log/tile/0/000/",
      "/log/tile/0/000\n",
      "/log/tile/0/000.p/1\n",
      "/log/tile/entry/000",
      "/log/tile/entries/000.p/256",
      "/log/tile/ENTRIES/000",
      "/log/tile/0/x009/x007/x199/x254/x740/992",
      "/log/tile/0/x001/x000/x000/x000/x000/x000/000",
      `/log/tile/0/${"x999/".repeat(5_000)}999`,
      "log/tile/0/000",
      "//log/tile/0/000",
    ]
  ) {
    equal(parseTilePath(path), null, path.slice(0, 80));
  }
});
