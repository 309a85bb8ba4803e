/**
 * The keys of a call whose session is a text, for tests of media alone.
 *
 * @module
 */

import { concat, utf8 } from "../../crypto/bytes.ts";
import { hkdfExpand, sha256 } from "../../crypto/primitives.ts";
import { CallSchedule } from "../../crypto/call_schedule.ts";
import { type CallKeys, type Exporter } from "../../crypto/schedule.ts";

/** The keys of a side whose session stays in epoch 1. */
export function callKeys(exporter: Exporter, self: 0 | 1): CallKeys {
  const schedule = new CallSchedule(self, exporter);
  schedule.install(1, exporter);
  schedule.use(1);
  return schedule.keys;
}

/** The keys of one side; both have the same text. */
export function keysOf(secret: string, self: 0 | 1): CallKeys {
  const root = sha256(utf8(secret));
  return callKeys((label, context, length) => {
    return hkdfExpand(root, concat(utf8(label), context), length);
  }, self);
}
