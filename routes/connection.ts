/**
 * One connection of `rooms.v1`: hello, auth, welcome, then frames until somebody ends it.
 *
 *     opened -> hello -> [auth -> welcome] -> frames -> closed
 *
 * Frames act one after the other, in the order in which they came. Nothing acts before somebody
 * signed in, and nothing is sent after the closing began.
 *
 * @module
 */

import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { issueNonce } from "../core/proof_nonce.ts";
import { type Relay, type RelayFrame } from "../core/relay.ts";
import { type Rate, tokenBucket } from "../core/token_bucket.ts";
import { authenticate, type Principal } from "../core/tokens.ts";
import { issueIce } from "../core/turn.ts";
import { equal } from "../crypto/bytes.ts";
import { CLOSE } from "../wire/close.ts";
import { type ClientFrame, type ServerFrame } from "../wire/frames.ts";
import {
  MAX_BUFFERED_BYTES,
  MAX_FIRST_FRAME_BYTES,
  MAX_FRAME_BYTES,
  MAX_UNREADABLE_FRAMES,
  TOKEN_GRACE_MS,
} from "../wire/limits.ts";
import { publishedLimits } from "./description.ts";
import { askerOf, iceToWire } from "./ice.ts";
import { readFrame } from "./frame_text.ts";
import { inOrder } from "./in_order.ts";
import { type Log, refusalOf } from "./problem.ts";
import { type Socket, type SocketEvents } from "./socket.ts";

/** Said where the client ends a connection itself (RFC 6455, section 7.4.1). */
const NORMAL_CLOSURE = 1000;
/**
 * Between `bye` and the close, in milliseconds. The runtime drops a connection on which a frame
 * arrives after it began to close, and the close code with it; so the code is said in `bye` first,
 * and what was on its way has time to arrive and be ignored.
 */
const FAREWELL_MS = 200;

/** What connections share. */
export interface ConnectionParts {
  /** The world. */
  readonly ctx: Context;
  /** Where frames go. */
  readonly relay: Relay;
  /** Takes faults. */
  readonly log: Log;
  /** How many frames a connection may send. */
  readonly frames: Rate;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonic: () => number;
  /** How long a client has to sign in, in milliseconds. */
  readonly authDeadlineMs: number;
  /** How long a client may be silent before it is asked, in milliseconds. */
  readonly heartbeatMs: number;
  /** How often it is looked whether the client's device is still one of its account. */
  readonly deviceCheckMs: number;
}

/** One connection. */
export interface Connection extends SocketEvents {
  /** Looks at the clocks: the sign-in's deadline, the heartbeat, the token's and the device's end. */
  tick(): void;
  /** Says goodbye because the service stops. */
  drain(): void;
  /** Whether nobody signed in, or it ended and its peer keeps the socket open. */
  isLingering(): boolean;
}

/** Why a connection ends as soon as it is open. */
export interface Farewell {
  /** The close code. */
  readonly code: number;
  /** A few words. */
  readonly reason: string;
}

/**
 * A connection whose socket is not open yet.
 *
 * @param url what the proof of `auth` has to name
 * @param unwanted why nothing of it is read, or null where it is welcome
 */
export function connection(
  parts: ConnectionParts,
  url: string,
  unwanted: Farewell | null = null,
): Connection {
  const { ctx, relay, log, monotonic } = parts;
  const startedMs = monotonic();
  const bucket = tokenBucket(parts.frames, startedMs);
  let socket: Socket | null = null;
  let member: { readonly cid: string; readonly principal: Principal } | null = null;
  let isEnded = false;
  let heardMs = startedMs;
  let isAsked = false;
  let checkedMs = startedMs;
  let unreadable = 0;
  let farewell: ReturnType<typeof setTimeout> | undefined;
  const take = inOrder(act, fail);

  function sendText(text: string): void {
    if (isEnded || socket === null) return;
    if (socket.waitingBytes() > MAX_BUFFERED_BYTES) {
      // Not now: the relay may be in the middle of telling a room something.
      queueMicrotask(() => endNow(CLOSE.slowConsumer, "too slow"));
      return;
    }
    socket.send(text);
  }

  function send(frame: ServerFrame): void {
    sendText(JSON.stringify(frame));
  }

  function refuse(id: string | null, { code, message }: ServiceError): void {
    send({ t: "error", id, code, title: message });
  }

  /** Takes no more, says why, and closes when that has arrived. */
  function end(code: number, reason: string): void {
    send({ t: "bye", code, reason });
    if (!leave()) return;
    farewell = setTimeout(() => socket?.close(code, reason), FAREWELL_MS);
  }

  /** Where there is nobody to say it to. */
  function endNow(code: number, reason: string): void {
    if (leave()) socket?.close(code, reason);
  }

  function leave(): boolean {
    if (isEnded) return false;
    isEnded = true;
    if (member !== null) relay.detach(member.cid);
    return true;
  }

  function fail(error: unknown): void {
    refuse(null, refusalOf(error, log));
    end(CLOSE.serverError, "failed");
  }

  function hello(): void {
    send({ t: "hello", nonce: issueNonce(ctx.keys.nonces, ctx.now()) });
  }

  function unreadableFrame(id: string | null, error: ServiceError): void {
    refuse(id, error);
    if (member === null || ++unreadable >= MAX_UNREADABLE_FRAMES) end(CLOSE.malformed, "malformed");
  }

  function text(raw: string): void {
    if (isEnded) return;
    const nowMs = monotonic();
    heardMs = nowMs;
    isAsked = false;
    if (!bucket.take(nowMs)) return end(CLOSE.rateLimited, "too many frames");
    const reading = readFrame(raw, member === null ? MAX_FIRST_FRAME_BYTES : MAX_FRAME_BYTES);
    switch (reading.kind) {
      case "too_large":
        return end(CLOSE.tooLarge, "too large");
      case "unreadable":
        return unreadableFrame(reading.id, reading.refusal);
      case "frame":
        take(reading.frame);
    }
  }

  /** Acts on a frame; null where that is done already. */
  function act(frame: ClientFrame): Promise<void> | null {
    if (isEnded) return null;
    if (frame.t === "auth") return signIn(frame);
    if (member === null) {
      const id = "id" in frame ? frame.id : null;
      refuse(id, new ServiceError("unauthenticated", "Sign in first"));
      end(CLOSE.unauthenticated, "not signed in");
      return null;
    }
    switch (frame.t) {
      case "ping":
        send({ t: "pong" });
        return null;
      case "pong":
      case "ack":
        return null;
      case "bye":
        endNow(NORMAL_CLOSURE, "bye");
        return null;
      case "join":
      case "leave":
      case "signal":
      case "ring":
        return relay.receive(member.cid, frame satisfies RelayFrame);
      case "ice":
        sendIce(frame.id, member.principal);
        return null;
      default:
        refuse(frame.id, new ServiceError("unavailable", "Not yet"));
        return null;
    }
  }

  function sendIce(id: string, principal: Principal): void {
    try {
      const issued = issueIce(ctx, askerOf(principal));
      send({ t: "ice", id, ...iceToWire(issued, ctx.now()) });
    } catch (error) {
      refuse(id, refusalOf(error, log));
    }
  }

  async function signIn(frame: ClientFrame & { t: "auth" }): Promise<void> {
    let principal: Principal;
    try {
      const authorization = `DPoP ${frame.token}`;
      principal = await authenticate(ctx, {
        authorization,
        proof: frame.proof,
        method: "GET",
        url,
      });
    } catch (error) {
      return refuseSignIn(refusalOf(error, log));
    }
    // The socket may have gone while the proof was checked.
    if (isEnded) return;
    if (member === null) return admit(principal);
    const { account, deviceId, signing } = member.principal;
    const isSame = principal.account === account && principal.deviceId === deviceId &&
      equal(principal.signing, signing);
    if (!isSame) {
      return refuse(null, new ServiceError("forbidden", "This connection is another device's"));
    }
    member = { cid: member.cid, principal };
    welcome(member.cid);
  }

  function admit(principal: Principal): void {
    const cid = relay.attach({ ...principal, send: sendText });
    if (cid === null) return end(CLOSE.connectionLimit, "too many connections");
    member = { cid, principal };
    welcome(cid);
  }

  function welcome(cid: string): void {
    const limits = publishedLimits();
    send({
      t: "welcome",
      cid,
      epoch: 1,
      seq: relay.lastSeq(cid),
      resume: cid,
      resumed: false,
      reason: null,
      limits,
      mailbox: 0,
    });
  }

  function refuseSignIn(refusal: ServiceError): void {
    refuse(null, refusal);
    // A fresh nonce lets the client try again on this socket, within its deadline.
    if (refusal.code === "use_dpop_nonce") return hello();
    if (refusal.code === "unavailable" || refusal.code === "internal") {
      return end(CLOSE.serverError, "failed");
    }
    const isRevoked = refusal.code === "unknown_device";
    if (member === null || isRevoked) end(CLOSE.unauthenticated, "sign-in refused");
  }

  function tick(): void {
    if (isEnded) return;
    const nowMs = monotonic();
    if (member === null) {
      if (nowMs - startedMs >= parts.authDeadlineMs) end(CLOSE.authDeadline, "no sign-in");
      return;
    }
    if (ctx.now() >= member.principal.expiresMs + TOKEN_GRACE_MS) {
      return end(CLOSE.tokenExpired, "token expired");
    }
    const silentMs = nowMs - heardMs;
    if (silentMs >= 2 * parts.heartbeatMs) return end(CLOSE.heartbeat, "no answer");
    if (silentMs >= parts.heartbeatMs && !isAsked) {
      isAsked = true;
      send({ t: "ping" });
    }
    if (nowMs - checkedMs >= parts.deviceCheckMs) {
      checkedMs = nowMs;
      void checkDevice(member.principal);
    }
  }

  /** Ends the connection of a device that was removed; a store that fails is asked again later. */
  async function checkDevice(principal: Principal): Promise<void> {
    try {
      if (await ctx.accounts.isCurrent(principal)) return;
    } catch {
      return;
    }
    refuse(null, new ServiceError("unknown_device", "This device was removed from the account"));
    end(CLOSE.unauthenticated, "device removed");
  }

  return {
    tick,
    text,
    opened(opened) {
      socket = opened;
      if (isEnded) opened.close(CLOSE.drain, "drain");
      else if (unwanted !== null) end(unwanted.code, unwanted.reason);
      else hello();
    },
    binary: () => end(CLOSE.malformed, "binary frame"),
    closed() {
      clearTimeout(farewell);
      leave();
      if (member !== null) relay.release(member.principal.account);
      member = null;
    },
    failed: fail,
    drain: () => end(CLOSE.drain, "drain"),
    isLingering: () => isEnded || member === null,
  };
}
