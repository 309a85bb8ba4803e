/**
 * One signed-in client, as the parts of the SDK see it: what placing and taking calls work with.
 *
 * @module
 */

import { type Account } from "./account.ts";
import { type Connection } from "./connection.ts";
import { type ClientError } from "./error.ts";
import { type Gossip } from "./gossip.ts";
import { type Http, type Signer } from "./http.ts";
import { type Ongoing } from "./ongoing.ts";
import { type Store } from "./store.ts";
import { type Trust } from "./trust.ts";

/** One signed-in client. */
export interface World {
  /** The account as it is known now: another device may change it. */
  readonly account: Account;
  /** Looks the account up again. @throws ClientError `device_removed`, and those of a lookup */
  readonly refresh: () => Promise<Account>;
  readonly http: Http;
  readonly store: Store;
  readonly trust: Trust;
  readonly gossip: Gossip;
  readonly ongoing: Ongoing;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** The connection to the service, also while its socket is lost. @throws ClientError `not_online` */
  readonly connection: () => Connection;
  /** Reports a message that was refused: an attack, or a fault of the other side. */
  readonly refused: (error: ClientError) => void;
}

/** Who signs this client's requests. */
export function signerOf({ account }: Pick<World, "account">): Signer {
  return { label: account.label, signing: account.self.keys.signing };
}
