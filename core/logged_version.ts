/**
 * Whether the log has a version of a name, also one that the store lost.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { vrfInput } from "../crypto/commitment.ts";
import { leafUnder } from "../crypto/prefix_tree.ts";
import { type VrfKey, vrfOutputOf, vrfProve } from "../crypto/vrf.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type PrefixCache } from "./prefix_cache.ts";
import { readPrefix } from "./prefix_store.ts";

/** Looks for a version of a name in the prefix tree of the first `size` entries. */
export type FindVersion = (label: AccountLabel, version: number, size: number) => Promise<boolean>;

/** Looks in a log. @param vrf hides names in it */
export function findVersionIn(log: LogStore, vrf: VrfKey, cache: PrefixCache): FindVersion {
  return async (label, version, size) => {
    const vrfOutput = vrfOutputOf(vrfProve(vrf, vrfInput(label, version)));
    const tiles = await readPrefix(log, size - 1, [vrfOutput], cache);
    return leafUnder(tiles, vrfOutput) !== null;
  };
}
