/**
 * One socket of `rooms.v1`: hello, auth, welcome, then frames until somebody ends it.
 *
 *     opened -> hello -> [auth -> welcome] -> frames -> closed
 *
 * Frames act one after the other, in the order in which they came, and at once where nothing has to be
 * waited for. Nothing acts before somebody signed in, and nothing is sent after the closing began. What
 * outlives the socket is the relay's: `core/connections.ts`.
 *
 * @module
 */

import { deviceKey } from "../core/account.ts";
import { type Connection as Kept, isSame, type Outlet } from "../core/connection.ts";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { type Party } from "../core/identity.ts";
import { type Greeting } from "../core/presence.ts";
import { issueNonce } from "../core/proof_nonce.ts";
import { type Relay, type RelayFrame } from "../core/relay.ts";
import { type Rate, tokenBucket } from "../core/token_bucket.ts";
import { issueIce } from "../core/turn.ts";
import { CLOSE, mayReconnect } from "../wire/close.ts";
import { type ClientFrame, type ResumeRequest, type ServerFrame } from "../wire/frames.ts";
import {
  MAX_BUFFERED_BYTES,
  MAX_FIRST_FRAME_BYTES,
  MAX_FRAME_BYTES,
  MAX_UNREADABLE_FRAMES,
  TOKEN_GRACE_MS,
} from "../wire/limits.ts";
import { type Allowances, tooOften } from "./allowance.ts";
import { publishedLimits } from "./description.ts";
import { iceToWire } from "./ice.ts";
import { readFrame } from "./frame_text.ts";
import { inOrder } from "./in_order.ts";
import { type Place } from "./socket_places.ts";
import { type Log, refusalOf } from "./problem.ts";
import { type SignedIn, signInOnSocket } from "./sign_in.ts";
import { type Socket, type SocketEvents } from "./socket.ts";

/** Said where the client ends a connection itself (RFC 6455, section 7.4.1). */
const NORMAL_CLOSURE = 1000;
/**
 * Between `bye` and the close, in milliseconds. The runtime drops a connection on which a frame
 * arrives after it began to close, and the close code with it; so the code is said in `bye` first,
 * and what was on its way has time to arrive and be ignored.
 */
const FAREWELL_MS = 200;

/** Published with every welcome. */
const LIMITS = publishedLimits();

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
  /** What they may ask of each other. */
  readonly allowances: Allowances;
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
  /** Says that the service is about to stop. */
  warn(afterMs: number, jitterMs: number): void;
  /** Says goodbye because the service stops. */
  drain(): void;
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
 * @param place hears when somebody signs in, and when it ends
 * @param unwanted why nothing of it is read, or null where it is welcome
 */
export function connection(
  parts: ConnectionParts,
  url: string,
  place: Pick<Place, "signedIn" | "ended">,
  unwanted: Farewell | null = null,
): Connection {
  const { ctx, relay, log, allowances, monotonic } = parts;
  const { metrics } = ctx;
  const startedMs = monotonic();
  const bucket = tokenBucket(parts.frames, startedMs);
  let socket: Socket | null = null;
  let member: (SignedIn & { readonly kept: Kept }) | null = null;
  let isEnded = false;
  let isClosed = false;
  let heardMs = startedMs;
  let isAsked = false;
  let checkedMs = startedMs;
  let unreadable = 0;
  let farewell: ReturnType<typeof setTimeout> | undefined;
  const take = inOrder(act, fail);
  const outlet: Outlet = { send: sendText, close: end };

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
    metrics.count("frames_sent", frame.t);
    sendText(JSON.stringify(frame));
  }

  function refuse(id: string | null, { code, message }: ServiceError): void {
    metrics.count("refusals", code);
    send({ t: "error", id, code, title: message });
  }

  /** Takes no more, says why, and closes when that has arrived. */
  function end(code: number, reason: string): void {
    send({ t: "bye", code, reason });
    if (!leave(!mayReconnect(code))) return;
    metrics.count("closes", code);
    socket?.ignore();
    farewell = setTimeout(() => socket?.close(code, reason), FAREWELL_MS);
  }

  /** Where there is nobody to say it to. */
  function endNow(code: number, reason: string): void {
    if (!leave(code === NORMAL_CLOSURE)) return;
    metrics.count("closes", code);
    socket?.close(code, reason);
  }

  /** @param isForGood whether the connection ends with its socket */
  function leave(isForGood: boolean): boolean {
    if (isEnded) return false;
    isEnded = true;
    place.ended();
    try {
      if (member !== null) relay.leave(member.kept, outlet, isForGood);
    } catch (error) {
      // Whatever it is, this connection ends, and nothing else does.
      refusalOf(error, log);
    }
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
    metrics.count("frames_unreadable");
    refuse(id, error);
    if (member === null || ++unreadable >= MAX_UNREADABLE_FRAMES) end(CLOSE.malformed, "malformed");
  }

  /** Counts what the peer sent; false where it was too much. */
  function hears(): boolean {
    heardMs = monotonic();
    isAsked = false;
    if (bucket.take(heardMs)) return true;
    end(CLOSE.rateLimited, "too many frames");
    return false;
  }

  function text(raw: string): void {
    if (isEnded || !hears()) return;
    const reading = readFrame(raw, member === null ? MAX_FIRST_FRAME_BYTES : MAX_FRAME_BYTES);
    switch (reading.kind) {
      case "too_large":
        return end(CLOSE.tooLarge, "too large");
      case "unreadable":
        return unreadableFrame(reading.id, reading.refusal);
      case "frame":
        metrics.count("frames_received", reading.frame.t);
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
    const { kept } = member;
    relay.heard(kept);
    switch (frame.t) {
      case "ping":
        send({ t: "pong" });
        return null;
      case "pong":
        return null;
      case "bye":
        endNow(NORMAL_CLOSURE, "bye");
        return null;
      case "ack":
        relay.acked(kept, frame.seq);
        return null;
      case "ice":
        sendIce(frame.id, kept.party);
        return null;
      default:
        if (!allowances.covers(kept, frame, relay, monotonic())) {
          refuse(frame.id, tooOften());
          return null;
        }
        return relay.receive(kept, frame satisfies RelayFrame) ?? null;
    }
  }

  function sendIce(id: string, party: Party): void {
    try {
      const isAccount = party.kind === "account";
      const asker = isAccount ? deviceKey({ ...party, deviceId: party.device }) : party.identity;
      const issued = issueIce(ctx, asker);
      send({ t: "ice", id, ...iceToWire(issued, ctx.now()) });
    } catch (error) {
      refuse(id, refusalOf(error, log));
    }
  }

  async function signIn(frame: ClientFrame & { t: "auth" }): Promise<void> {
    let signedIn: SignedIn;
    try {
      signedIn = await signInOnSocket(ctx, frame, url);
    } catch (error) {
      return refuseSignIn(refusalOf(error, log));
    }
    // The socket may have gone while the proof was checked.
    if (isEnded) return;
    if (member === null) return await arrive(signedIn, frame.resume ?? null);
    if (!isSame(member.party, signedIn.party)) {
      return refuse(null, new ServiceError("forbidden", "This connection is another device's"));
    }
    const { kept } = member;
    member = { ...signedIn, kept };
    const mail = await relay.mail.waitingFor(kept.party);
    welcome(relay.renew(kept), mail.length);
    relay.mail.give(kept, mail);
  }

  async function arrive(signedIn: SignedIn, resume: ResumeRequest | null): Promise<void> {
    const { party } = signedIn;
    const mail = await relay.mail.waitingFor(party);
    const greet = (greeting: Greeting) => {
      const { resumed, reason } = greeting;
      if (resume !== null) metrics.count("resumes", resumed ? "resumed" : reason ?? "unknown");
      welcome(greeting, mail.length);
    };
    const kept = await relay.arrive({ party, resume, outlet, greet });
    if (kept === null) return end(CLOSE.connectionLimit, "too many connections");
    // Likewise; and nobody else gives back what it has taken.
    if (isClosed) return relay.leave(kept, outlet, false), relay.release(kept);
    member = { ...signedIn, kept };
    // A socket that has ended meanwhile has nobody behind it.
    if (isEnded) relay.leave(kept, outlet, false);
    else place.signedIn();
    relay.mail.give(kept, mail);
  }

  function welcome(greeting: Greeting, mailbox: number): void {
    send({ t: "welcome", ...greeting, limits: LIMITS, mailbox });
  }

  function refuseSignIn(refusal: ServiceError): void {
    refuse(null, refusal);
    // A fresh nonce lets the client try again on this socket, within its deadline.
    if (refusal.code === "use_dpop_nonce") return hello();
    if (refusal.code === "unavailable" || refusal.code === "internal") {
      return end(CLOSE.serverError, "failed");
    }
    if (refusal.code === "unknown_device") return end(CLOSE.revoked, "not a device of the account");
    if (member === null) end(CLOSE.unauthenticated, "sign-in refused");
  }

  function tick(): void {
    if (isEnded) return;
    const nowMs = monotonic();
    if (member === null) {
      if (nowMs - startedMs >= parts.authDeadlineMs) end(CLOSE.authDeadline, "no sign-in");
      return;
    }
    if (ctx.now() >= member.expiresMs + TOKEN_GRACE_MS) {
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
      void checkDevice(member.party);
    }
  }

  /** Ends the connection of a device that was removed; a store that fails is asked again later. */
  async function checkDevice(party: Party): Promise<void> {
    if (party.kind !== "account") return;
    const { account, device: deviceId, signing } = party;
    try {
      if (await ctx.accounts.isCurrent({ account, deviceId, signing })) return;
    } catch {
      return;
    }
    refuse(null, new ServiceError("unknown_device", "This device was removed from the account"));
    end(CLOSE.revoked, "device removed");
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
    control: () => void (isEnded || hears()),
    broken: end,
    closed() {
      isClosed = true;
      clearTimeout(farewell);
      leave(false);
      if (member !== null) relay.release(member.kept);
      member = null;
    },
    failed: fail,
    warn(afterMs, jitterMs) {
      if (member !== null) send({ t: "drain", after_ms: afterMs, jitter_ms: jitterMs });
    },
    drain: () => end(CLOSE.drain, "drain"),
  };
}
