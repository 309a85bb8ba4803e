/**
 * The paths of the log's tiles and entry bundles (C2SP tlog-tiles), each in its one spelling.
 *
 *     /log/tile/<L>/<N>[.p/<W>]          hashes: level L (0 to 63), tile N, its first W hashes
 *     /log/tile/entries/<N>[.p/<W>]      the entries under tile N of level 0
 *
 *     N in groups of three digits, an `x` before each but the last:  1234067 is x001/x234/067
 *     W from 1 to 255; a full tile has no `.p`
 *
 * @module
 */

import { TILE_WIDTH } from "../crypto/tile.ts";

/** Above which both stand. */
export const TILES = "/log/tile";

/** The level whose tiles are bundles of entries instead of hashes. */
export const ENTRIES = "entries";

/** Which tile a path names, and how much of it. */
export interface TilePath {
  /** The level, or `entries`. */
  readonly level: number | typeof ENTRIES;
  /** The tile's place in its level. */
  readonly index: number;
  /** How many hashes or entries it has: 1 to 256, which is a full one. */
  readonly width: number;
}

const TOP_LEVEL = 63;
const GROUP = 1_000;
/** Six groups hold every index below 2^53. */
const PATH =
  /^\/log\/tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** The path of a tile. */
export function formatTilePath({ level, index, width }: TilePath): string {
  let groups = String(index % GROUP).padStart(3, "0");
  for (let rest = Math.floor(index / GROUP); rest > 0; rest = Math.floor(rest / GROUP)) {
    groups = `x${String(rest % GROUP).padStart(3, "0")}/${groups}`;
  }
  return `${TILES}/${level}/${groups}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** Which tile a path names, or null where it names none, or not in the one spelling. */
export function parseTilePath(path: string): TilePath | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const tile: TilePath = {
    level: match[1] === ENTRIES ? ENTRIES : Number(match[1]),
    index: Number(match[2]!.replaceAll(/[x/]/g, "")),
    width: match[3] === undefined ? TILE_WIDTH : Number(match[3]),
  };
  const isTile = tile.level === ENTRIES || tile.level <= TOP_LEVEL;
  const isWidth = tile.width >= 1 && tile.width <= TILE_WIDTH;
  if (!isTile || !isWidth || !Number.isSafeInteger(tile.index)) return null;
  // Leading zeros, a full tile called partial, and whatever else has two spellings.
  return formatTilePath(tile) === path ? tile : null;
}
