/**
 * Mail on sockets: what waits is brought to a device that arrives, and what comes to one that is there.
 *
 * An entry is removed from the mailbox when the client has acked its frame, and is brought again after
 * anything else. Each is brought to a connection once; a client that is told of one twice, because the
 * instance that told it is lost, knows it by its name.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Connection } from "./connection.ts";
import { type Connections } from "./connections.ts";
import { type Downlink } from "./downlink.ts";
import { type Party } from "./identity.ts";
import { type Mailboxes, mailFrameOf, type Waiting } from "./mailbox.ts";

/** The way of mail to connections. */
export interface MailDelivery {
  /** What waits for whoever arrives. @throws StoreError */
  waitingFor(party: Party): Promise<readonly Waiting[]>;
  /** Gives a connection what waits, as far as it was not given it before. */
  give(connection: Connection, waiting: readonly Waiting[]): void;
  /** Something was put into an account's mailbox: looks, and tells its connections. */
  look(account: AccountLabel): void;
}

/** What mail is delivered with. */
export interface MailDeliveryParts {
  readonly mailboxes: Pick<Mailboxes, "waiting" | "remove">;
  readonly connections: Pick<Connections, "ofAccount">;
  readonly downlink: Pick<Downlink, "give">;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
}

/** Nothing was given to anybody yet. */
export function openMailDelivery(parts: MailDeliveryParts): MailDelivery {
  const { mailboxes, connections, downlink, report } = parts;
  const given = new WeakMap<Connection, Set<string>>();

  async function waitingFor(party: Party): Promise<readonly Waiting[]> {
    return party.kind === "account" ? await mailboxes.waiting(party.account, party.device) : [];
  }

  function give(connection: Connection, waiting: readonly Waiting[]): void {
    const { party } = connection;
    if (party.kind !== "account") return;
    const known = given.get(connection) ?? new Set();
    given.set(connection, known);
    for (const one of waiting) {
      if (known.has(one.entry)) continue;
      known.add(one.entry);
      downlink.give(connection, mailFrameOf(one), (isAcked) => {
        known.delete(one.entry);
        if (!isAcked) return;
        mailboxes.remove(party.account, party.device, [one.entry]).catch(report);
      });
    }
  }

  async function bring(account: AccountLabel): Promise<void> {
    for (const connection of [...connections.ofAccount(account)]) {
      const waiting = await waitingFor(connection.party);
      if (!connection.isOver) give(connection, waiting);
    }
  }

  return {
    waitingFor,
    give,
    look: (account) => void bring(account).catch(report),
  };
}
