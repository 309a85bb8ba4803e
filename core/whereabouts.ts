/**
 * Where an account's devices are connected.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Connections } from "./connections.ts";
import { type Address } from "./room.ts";

/** One connection of an account. */
export interface Whereabout extends Address {
  readonly device: number;
  /** Whether its socket is lost, and may come back. */
  readonly isAway: boolean;
}

/** Where the accounts are. */
export interface Whereabouts {
  /** Every connection of an account; between instances this asks the store. */
  of(account: AccountLabel): readonly Whereabout[] | Promise<readonly Whereabout[]>;
}

/** Those of a single process. */
export function localWhereabouts(connections: Pick<Connections, "ofAccount">): Whereabouts {
  return {
    of(account) {
      const found: Whereabout[] = [];
      for (const { cid, instance, party, outlet } of connections.ofAccount(account)) {
        if (party.kind !== "account") continue;
        found.push({ cid, instance, device: party.device, isAway: outlet === null });
      }
      return found;
    },
  };
}
