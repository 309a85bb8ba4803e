/**
 * Sealed messages from member to member, and the service's word for them. In a single process nothing is
 * waited for between a frame's arrival and its delivery.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { signReceipt } from "../crypto/receipt.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { type Bus, deliveriesOf } from "./bus.ts";
import { type Connection } from "./connection.ts";
import { type Context } from "./context.ts";
import { type Downlink } from "./downlink.ts";
import { notInRoom, type Refusal } from "./effect.ts";
import { type RoomStore } from "./room_store.ts";
import { type Route, routeSignal } from "./rooms.ts";
import { attempt, type Done } from "./frame_turns.ts";

/** A message as it comes in. */
export type SignalRequest = Extract<ClientFrame, { t: "signal" }>;

/** What signaling works with. */
export interface SignalingParts {
  readonly ctx: Pick<Context, "keys" | "now">;
  readonly bus: Bus;
  readonly rooms: RoomStore;
  readonly downlink: Downlink;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
}

/** Passes a message on, and answers its sender. */
export function openSignaling(
  parts: SignalingParts,
): (from: Connection, frame: SignalRequest) => Done {
  const { ctx, bus, rooms, downlink, report } = parts;

  function signal(from: Connection, frame: SignalRequest): Done {
    if (!from.rooms.has(frame.room)) return downlink.refuse(from, notInRoom(frame.id));
    const known = rooms.read(frame.room);
    const room = known?.mids.has(from.cid) === true ? known : rooms.refresh(frame.room);
    if (!(room instanceof Promise)) return pass(from, frame, routeSignal(room, from.cid, frame));
    return attempt(downlink, from, frame.id, async () => {
      await pass(from, frame, routeSignal(await room, from.cid, frame));
    });
  }

  function pass(from: Connection, frame: SignalRequest, route: Route | Refusal): Done {
    if (route.kind === "refuse") return downlink.refuse(from, route);
    const { room, id, ct } = frame;
    const passed = { t: "signal", room, from: route.mid, id, ct } as const;
    const done = bus.publish(deliveriesOf([{ kind: "send", to: route.to, frame: passed }]));
    if (done === null) return taken(from, frame, route);
    return attempt(downlink, from, id, () => done.then(() => taken(from, frame, route)));
  }

  function taken(from: Connection, frame: SignalRequest, { mid, status }: Route): void {
    const { id, to } = frame;
    if (frame.receipt !== true) return downlink.acknowledge(from, id, status);
    const [room, ct] = [fromBase64Url(frame.room)!, fromBase64Url(frame.ct)!];
    const ts = ctx.now();
    // No other frame waits for the signature: what it is about is on its way.
    const signed = signReceipt(ctx.keys.receipts, { room, from: mid, id, to, ct, ts });
    const receipt = signed.then((signature) => ({ ts, sig: toBase64Url(signature) }));
    from.recent.keep(id, receipt);
    receipt.then((given) => {
      from.recent.keep(id, given);
      downlink.acknowledge(from, id, status, given);
    }).catch((error) => {
      from.recent.keep(id, null);
      report(error);
    });
  }

  return signal;
}
