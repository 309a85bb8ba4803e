/**
 * Mail on sockets: what waits is brought to a device that arrives, and what comes to one that is there.
 *
 * A ring or a missed call is removed from the mailbox when the client has acked its frame, and is brought
 * again after anything else. A message is not: an ack says that a frame came, not that anybody kept what
 * was in it, so its device removes it by name. Each is brought to a connection once; a client that is told
 * of one twice, because the instance that told it is lost, knows it by its name.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type MailWire } from "../wire/mail.ts";
import { type Bus, deliveriesOf, type Delivery, type JournalEntry } from "./bus.ts";
import { type Connection } from "./connection.ts";
import { type Connections } from "./connections.ts";
import { type Downlink } from "./downlink.ts";
import { type Send, tell } from "./effect.ts";
import { type Party } from "./identity.ts";
import { type Mailboxes } from "./mailbox.ts";
import { mailFrameOf, type WaitingMail } from "./waiting_mail.ts";
import { type Whereabouts } from "./whereabouts.ts";

/** The way of mail to connections. */
export interface MailDelivery {
  /** What waits for whoever arrives. @throws StoreError */
  waitingFor(party: Party): Promise<readonly WaitingMail[]>;
  /** Gives a connection what waits, as far as it was not given it before. */
  give(connection: Connection, waiting: readonly WaitingMail[]): void;
  /** Something was put into an account's mailbox: tells its connections, also at other instances. */
  look(account: AccountLabel): void;
  /** Takes what another instance saw put into a mailbox. */
  take(delivery: Delivery, journal: JournalEntry | null): void;
}

/** Whether a delivery is of something that waits in a mailbox. */
export function isMail({ frame }: Delivery): boolean {
  return "entry" in frame && frame.entry !== undefined;
}

/** What mail is delivered with. */
export interface MailDeliveryParts {
  readonly mailboxes: Pick<Mailboxes, "waiting" | "remove">;
  readonly connections: Pick<Connections, "ofAccount" | "get">;
  readonly downlink: Pick<Downlink, "give">;
  readonly bus: Bus;
  readonly whereabouts: Whereabouts;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
}

/** Nothing was given to anybody yet. */
export function openMailDelivery(parts: MailDeliveryParts): MailDelivery {
  const { mailboxes, connections, downlink, bus, whereabouts, report } = parts;
  const given = new WeakMap<Connection, Set<string>>();

  async function waitingFor(party: Party): Promise<readonly WaitingMail[]> {
    return party.kind === "account" ? await mailboxes.waiting(party.account, party.device) : [];
  }

  function giveOne(connection: Connection, frame: MailWire): void {
    const { party } = connection;
    if (party.kind !== "account") return;
    const known = given.get(connection) ?? new Set();
    given.set(connection, known);
    if (known.has(frame.entry)) return;
    known.add(frame.entry);
    downlink.give(connection, frame, (isAcked) => {
      const isMessage = frame.t === "mail" && frame.kind === "message";
      if (isAcked && isMessage) return;
      known.delete(frame.entry);
      if (!isAcked) return;
      const hasRung = frame.t === "ring";
      mailboxes.remove(party.account, party.device, [frame.entry], hasRung).catch(report);
    });
  }

  function give(connection: Connection, waiting: readonly WaitingMail[]): void {
    const known = given.get(connection);
    // What waits no longer need not be known.
    const there = new Set(waiting.map(({ entry }) => entry));
    for (const entry of known ?? []) if (!there.has(entry)) known!.delete(entry);
    for (const one of waiting) giveOne(connection, mailFrameOf(one));
  }

  async function bring(account: AccountLabel): Promise<void> {
    for (const connection of [...connections.ofAccount(account)]) {
      const waiting = await waitingFor(connection.party);
      if (!connection.isOver) give(connection, waiting);
    }
    const sends: Send[] = [];
    for (const { cid, instance, device } of await whereabouts.of(account)) {
      if (instance === bus.instance) continue;
      for (const one of await mailboxes.waiting(account, device)) {
        sends.push(tell({ cid, instance }, mailFrameOf(one)));
      }
    }
    if (sends.length > 0) await bus.publish(deliveriesOf(sends));
  }

  function take({ to, frame }: Delivery, journal: JournalEntry | null): void {
    for (const cid of to) {
      const connection = connections.get(cid);
      if (connection !== null) giveOne(connection, frame as MailWire);
      // It stays in the mailbox until it is acked, so the journal need not keep it.
      if (journal !== null) bus.settled(journal, cid);
    }
  }

  return {
    waitingFor,
    give,
    look: (account) => void bring(account).catch(report),
    take,
  };
}
