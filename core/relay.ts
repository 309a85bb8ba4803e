/**
 * The relay: connections, their rooms, and calls to accounts, put together.
 *
 * Frames of one connection act one after the other; where nothing has to be waited for, they act at
 * once. What is decided about a room is in `rooms.ts`, and what comes of it in the files named below.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { type Receipt } from "../wire/frames.ts";
import { type Bus, localBus } from "./bus.ts";
import { type Connection } from "./connection.ts";
import { type KeyMaker } from "./connection_key.ts";
import { type Connections, openConnections } from "./connections.ts";
import { type Context } from "./context.ts";
import { openDownlink } from "./downlink.ts";
import { isMail, type MailDelivery, openMailDelivery } from "./mail_delivery.ts";
import { openMembership } from "./membership.ts";
import { type PairCount } from "./pair_rate.ts";
import { type Elsewhere, type Greeting, openPresence, type Presence } from "./presence.ts";
import { openRinging } from "./ringing.ts";
import { seatOf } from "./room.ts";
import { type RoomRules } from "./room_rules.ts";
import { memoryRooms, type RoomStore } from "./room_store.ts";
import { openSignaling } from "./signaling.ts";
import { attempt, type Done, inTurn } from "./frame_turns.ts";
import { localWhereabouts, type Whereabouts } from "./whereabouts.ts";

/** The frames that the relay takes; the others are the socket's own. */
export type RelayFrame = Exclude<
  Extract<ClientFrame, { readonly id: string }>,
  { readonly t: "ice" }
>;

/** The connections and rooms of one instance. */
export interface Relay extends Pick<Presence, "arrive" | "leave"> {
  /** The connections of this instance. */
  readonly connections: Connections;
  /** What waits for those who arrive. */
  readonly mail: MailDelivery;
  /** What a client is told that has signed in again on its socket. */
  renew(connection: Connection): Greeting;
  /** Any frame came: the client has what it was last told. */
  heard(connection: Connection): void;
  /** Acts on a frame and answers the sender. Rejects where the service is at fault. */
  receive(connection: Connection, frame: RelayFrame): Done;
  /** The client has taken in everything up to a number. */
  acked(connection: Connection, seq: number): void;
  /** A socket that was the connection's own is closed, after `leave`. */
  release(connection: Connection): void;
  /** How many are in a room. */
  membersOf(room: string): number;
  /** Ends connections that were lost for too long. */
  sweep(): void;
}

/** What a relay is made of. */
export interface RelayParts {
  readonly ctx: Context;
  /** How often somebody may be rung. */
  readonly rings: PairCount;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
  /** The managed rooms; without it those of the context. */
  readonly rules?: RoomRules;
  /** The way to other instances; without it there are none. */
  readonly bus?: Bus;
  /** Where the rooms are; without it in this process. */
  readonly rooms?: RoomStore;
  /** Where the accounts are; without it in this process. */
  readonly whereabouts?: Whereabouts;
  /** Asks other instances; without it there are none. */
  readonly elsewhere?: Elsewhere;
  /** Makes resume keys; without it at random. */
  readonly makeKey?: KeyMaker;
  /** Hears of each connection that is new, or has another key, or lost its socket. */
  readonly onChange?: (connection: Connection) => void;
  /** Hears of each connection that is over. */
  readonly onOver?: (connection: Connection) => void;
}

/** A relay without connections. */
export function openRelay(parts: RelayParts): Relay {
  const { ctx, rings, report, bus = localBus(), rules = ctx.rooms } = parts;
  const { rooms = memoryRooms(bus), elsewhere = null } = parts;
  const connections = openConnections({
    instance: bus.instance,
    now: ctx.now,
    onOver(connection) {
      presence.over(connection);
      parts.onOver?.(connection);
    },
    makeKey: parts.makeKey,
    onChange: parts.onChange,
  });
  const { whereabouts = localWhereabouts(connections) } = parts;
  const downlink = openDownlink(connections, bus, ctx.metrics);
  const presence = openPresence({ connections, rooms, elsewhere, report });
  const signal = openSignaling({ ctx, bus, rooms, downlink, report });
  const change = openMembership({ rules, rooms, downlink, report });
  const ring = openRinging({ ctx, rings, bus, whereabouts });
  const { mailboxes } = ctx;
  const mail = openMailDelivery({ mailboxes, connections, downlink, bus, whereabouts, report });
  bus.onDelivery = (delivery, journal) => {
    (isMail(delivery) ? mail.take : downlink.deliver)(delivery, journal);
  };
  mailboxes.onPut = mail.look;
  mailboxes.shareRoom = shareRoom;

  function act(from: Connection, frame: RelayFrame): Done {
    const { id } = frame;
    // These two are answered again, as they are numbered.
    if (frame.t === "join" || frame.t === "sync") return change(from, frame);
    // Remembered before anything is awaited, so that a repeat cannot overtake the first.
    if (!from.recent.add(id)) return repeated(from, id);
    if (frame.t === "signal") return signal(from, frame);
    if (frame.t !== "ring") return change(from, frame);
    return attempt(downlink, from, id, async () => {
      downlink.acknowledge(from, id, await ring(from, frame));
    });
  }

  /** Acks a frame that came before, with the receipt of the first. */
  function repeated(from: Connection, id: string): void {
    const receipt = from.recent.receipt(id);
    const acknowledge = (given?: Receipt): void => downlink.acknowledge(from, id, "dup", given);
    if (!(receipt instanceof Promise)) return acknowledge(receipt ?? undefined);
    // The fault of one that can't be signed is told where it was to be.
    receipt.then(acknowledge, () => {});
  }

  function shareRoom(one: AccountLabel, other: AccountLabel): boolean {
    for (const connection of connections.ofAccount(one)) {
      for (const id of connection.rooms) {
        const room = rooms.read(id);
        // Whoever waits at the door is in no room, and learns of nobody who is.
        if (room === null || seatOf(room, connection.cid) === null) continue;
        for (const { identity } of room.seats.values()) if (identity === other) return true;
      }
    }
    return false;
  }

  return {
    connections,
    mail,
    arrive: presence.arrive,
    leave: presence.leave,
    renew(connection) {
      const { cid, epoch, ring: { seq } } = connection;
      const resume = connections.renew(connection);
      return { cid, epoch, seq, resume, resumed: false, reason: null };
    },
    heard(connection) {
      if (connection.isUnheard) connections.heard(connection);
    },
    receive(connection, frame) {
      if (!connection.isOver) return inTurn(connection, () => act(connection, frame));
    },
    acked: (connection, seq) => connections.ack(connection, seq),
    release: (connection) => connections.release(connection.party.identity, connection),
    membersOf: (room) => rooms.read(room)?.seats.size ?? 0,
    sweep: () => connections.sweep(),
  };
}
