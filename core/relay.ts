/**
 * The relay: the live connections of this process, their rooms, and calls to accounts.
 *
 * It performs what `rooms.ts` decides, numbers the frames of every connection, and rings devices.
 * It keeps no message, and it must never let one connection's failure reach another: `send` of a
 * connection does not throw, and closing one is its owner's business.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type VerifyingKey } from "../crypto/keys.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type ClientFrame, type ServerFrame } from "../wire/frames.ts";
import { MAX_CONNECTIONS_PER_ACCOUNT } from "../wire/limits.ts";
import { type AccountDevice, labelOf } from "./account.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { type RecentIds, recentIds } from "./recent_ids.ts";
import { type PairCount } from "./pair_rate.ts";
import { requireExact, ringingOn, type RingRequest, type Rung } from "./ring.ts";
import {
  type Effect,
  emptyRoom,
  type Party,
  type Room,
  type RoomEvent,
  step,
  type Unnumbered,
} from "./rooms.ts";

/** The frames that the relay takes; the others are the socket's own. */
export type RelayFrame = Extract<ClientFrame, { t: "join" | "leave" | "signal" | "ring" }>;

/** What a connection is made of: the device that it belongs to, and where its frames go. */
export interface Attachment extends AccountDevice {
  /** Hands a frame to the socket; does not throw. */
  readonly send: (text: string) => void;
}

/** The connections and rooms of one process. */
export interface Relay {
  /** Takes a connection in, and answers its id; null where the account has too many places. */
  attach(attachment: Attachment): string | null;
  /** Acts on a frame and answers the sender; resolves when that is done. */
  receive(cid: string, frame: RelayFrame): Promise<void>;
  /** The number of the last frame that this connection was sent. */
  lastSeq(cid: string): number;
  /** Takes a connection out of its rooms and forgets it; nothing when it is already gone. */
  detach(cid: string): void;
  /** Gives back the place of an account that `attach` took: its socket is gone for good. */
  release(account: AccountLabel): void;
}

/** A connection as the relay keeps it. */
interface Attached extends Party {
  readonly account: AccountLabel;
  readonly signing: VerifyingKey;
  readonly send: (text: string) => void;
  readonly rooms: Set<string>;
  readonly recent: RecentIds;
  /** The call that it rang last: its frames for further devices are no further rings. */
  rung: Rung | null;
  seq: number;
}

/** A relay without connections. */
export function openRelay(ctx: Context, rings: PairCount): Relay {
  const connections = new Map<string, Attached>();
  const accounts = new Map<AccountLabel, Set<Attached>>();
  /** Sockets by account, also those that ended and are still open. */
  const places = new Map<AccountLabel, number>();
  const rooms = new Map<string, Room>();

  function attach({ account, deviceId, signing, send }: Attachment): string | null {
    const taken = places.get(account) ?? 0;
    if (taken >= MAX_CONNECTIONS_PER_ACCOUNT) return null;
    places.set(account, taken + 1);
    const held = accounts.get(account) ?? new Set();
    const cid = freshId();
    const device = deviceId;
    const recent = recentIds();
    const rooms = new Set<string>();
    const connection = { cid, account, device, signing, send, rooms, recent, rung: null, seq: 0 };
    connections.set(cid, connection);
    accounts.set(account, held.add(connection));
    return cid;
  }

  function detach(cid: string): void {
    const connection = connections.get(cid);
    if (connection === undefined) return;
    // Gone first, so that nothing is sent to it any more.
    connections.delete(cid);
    const held = accounts.get(connection.account);
    held?.delete(connection);
    if (held?.size === 0) accounts.delete(connection.account);
    for (const room of [...connection.rooms]) advance(room, connection, { t: "disconnect" });
  }

  function release(account: AccountLabel): void {
    const taken = places.get(account) ?? 0;
    if (taken > 1) places.set(account, taken - 1);
    else places.delete(account);
  }

  async function receive(cid: string, frame: RelayFrame): Promise<void> {
    const connection = connections.get(cid);
    if (connection === undefined) return;
    if (frame.t === "join") {
      const { id } = frame;
      const roomCount = connection.rooms.size;
      return advance(frame.room, connection, { t: "join", id, mid: freshId(), roomCount });
    }
    // Remembered before anything is awaited, so that a repeat cannot overtake the first.
    if (!connection.recent.add(frame.id)) {
      return sendPlain(connection, { t: "ack", id: frame.id, status: "dup" });
    }
    if (frame.t === "ring") return await ring(connection, frame);
    advance(frame.room, connection, frame);
  }

  function advance(id: string, from: Attached, event: RoomEvent): void {
    const [after, effects] = step(rooms.get(id) ?? emptyRoom(id), from, event);
    if (after === null) rooms.delete(id);
    else rooms.set(id, after);
    if (after?.mids.has(from.cid)) from.rooms.add(id);
    else from.rooms.delete(id);
    for (const effect of effects) perform(effect);
  }

  function perform(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        return sendNumbered(effect.to, effect.frame);
      case "ack": {
        const { to, id, status } = effect;
        const connection = connections.get(to);
        if (connection !== undefined) sendPlain(connection, { t: "ack", id, status });
        return;
      }
      case "refuse": {
        const connection = connections.get(effect.to);
        if (connection !== undefined) refuse(connection, effect.id, effect);
      }
    }
  }

  function sendNumbered(to: readonly string[], frame: Unnumbered): void {
    // Only the number differs between the receivers, so the rest is written once.
    const rest = JSON.stringify(frame).slice(1);
    for (const cid of to) {
      const connection = connections.get(cid);
      connection?.send(`{"seq":${++connection.seq},${rest}`);
    }
  }

  async function ring(from: Attached, frame: RingRequest): Promise<void> {
    const { id, common } = frame;
    try {
      const callee = await calledAccount(from, frame);
      const connected = [...accounts.get(callee) ?? []];
      const reached = frame.offers.map(({ device, offer }) => {
        return {
          offer,
          to: connected.filter((one) => one.device === device).map(({ cid }) => cid),
        };
      }).filter(({ to }) => to.length > 0);
      if (reached.length === 0) {
        throw new ServiceError("offline", "No device of the account is connected");
      }
      const { account, device } = from;
      const rung = ringingOn(from.rung, callee, common, frame.offers);
      if (rung.size === 0 && !rings.take(account, callee, ctx.now())) {
        throw new ServiceError("rate_limited", "The account was rung too often: try again later");
      }
      const devices = new Set([...rung, ...frame.offers.map((offer) => offer.device)]);
      from.rung = { callee, common, devices };
      for (const { to, offer } of reached) {
        sendNumbered(to, { t: "ring", id, from: account, device, common, offer });
      }
      const status = reached.length === frame.offers.length ? "relayed" : "partial";
      sendPlain(from, { t: "ack", id, status });
    } catch (error) {
      if (!(error instanceof ServiceError)) {
        from.recent.forget(id);
        throw error;
      }
      refuse(from, id, { code: error.code, title: error.message });
    }
  }

  /** The callee, once the ring is known to be for exactly its current devices. */
  async function calledAccount(
    from: Attached,
    frame: RingRequest,
  ): Promise<AccountLabel> {
    const label = labelOf(frame.to);
    const { account, device: deviceId, signing } = from;
    if (label === account) throw new ServiceError("self_call", "Nobody calls themselves");
    if (!await ctx.accounts.isCurrent({ account, deviceId, signing })) {
      throw new ServiceError("unknown_device", "This device is no longer one of the account");
    }
    const record = await ctx.accounts.record(label);
    if (record === null) throw new ServiceError("name_not_found", "Nobody has this name");
    requireExact(record, frame);
    return label;
  }

  function refuse(
    to: Attached,
    id: string,
    why: Pick<Extract<ServerFrame, { t: "error" }>, "code" | "title">,
  ): void {
    to.recent.forget(id);
    sendPlain(to, { t: "error", id, code: why.code, title: why.title });
  }

  const lastSeq = (cid: string) => connections.get(cid)?.seq ?? 0;
  return { attach, receive, lastSeq, detach, release };
}

function sendPlain(to: Attached, frame: ServerFrame): void {
  to.send(JSON.stringify(frame));
}

/** 16 random bytes: unguessable, and never seen before. */
function freshId(): string {
  return toBase64Url(randomBytes(16));
}
