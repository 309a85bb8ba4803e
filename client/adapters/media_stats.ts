/**
 * Counts of frames, added up.
 *
 * @module
 */

import { type MediaStats } from "../adapter.ts";

/** Of no frame. */
export const NO_STATS: MediaStats = {
  framesProtected: 0,
  bytesProtected: 0,
  framesOpened: 0,
  bytesOpened: 0,
  refused: {},
  duplicates: 0,
};

/** Of both. */
export function sumOfStats(a: MediaStats, b: MediaStats): MediaStats {
  const refused = { ...a.refused };
  for (const [code, count] of Object.entries(b.refused)) {
    refused[code] = (refused[code] ?? 0) + count;
  }
  return {
    framesProtected: a.framesProtected + b.framesProtected,
    bytesProtected: a.bytesProtected + b.bytesProtected,
    framesOpened: a.framesOpened + b.framesOpened,
    bytesOpened: a.bytesOpened + b.bytesOpened,
    refused,
    duplicates: a.duplicates + b.duplicates,
  };
}
