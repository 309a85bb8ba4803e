/**
 * The conversation on one socket of `rooms.v1`: hello, auth, welcome, then frames until somebody ends it.
 *
 *     opened -> hello -> [auth -> welcome] -> frames -> closed
 *
 * Frames act one after the other, in the order in which they came, and at once where nothing has to be
 * waited for. Nothing acts before somebody signed in. What outlives the socket is its connection, which is
 * the relay's (`core/connections.ts`).
 *
 * @module
 */

import { deviceKey } from "../core/account.ts";
import { type Connection, isSame } from "../core/connection.ts";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { type Party } from "../core/identity.ts";
import { type Greeting } from "../core/presence.ts";
import { issueNonce } from "../core/proof_nonce.ts";
import { type Relay, type RelayFrame } from "../core/relay.ts";
import { type Rate, tokenBucket } from "../core/token_bucket.ts";
import { issueIce } from "../core/turn.ts";
import { CLOSE } from "../wire/close.ts";
import { type ClientFrame, type ResumeRequest } from "../wire/client_frames.ts";
import {
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
import { NORMAL_CLOSURE, openLine } from "./line.ts";
import { type Place } from "./socket_places.ts";
import { type Log, refusalOf } from "./problem.ts";
import { type SignedIn, signInOnSocket } from "./sign_in.ts";
import { type SocketEvents } from "./socket.ts";

/** Published with every welcome. */
const LIMITS = publishedLimits();

/** What conversations share. */
export interface ConversationParts {
  /** The world. */
  readonly ctx: Context;
  /** Where frames go. */
  readonly relay: Relay;
  /** Takes faults. */
  readonly log: Log;
  /** How many frames a socket may send. */
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

/** One conversation. */
export interface Conversation extends SocketEvents {
  /** Looks at the clocks: the sign-in's deadline, the heartbeat, the token's and the device's end. */
  tick(): void;
  /** Says that the service is about to stop. */
  warn(afterMs: number, jitterMs: number): void;
  /** Says goodbye because the service stops. */
  drain(): void;
}

/** Why a conversation ends as soon as its socket is open. */
export interface Farewell {
  /** The close code. */
  readonly code: number;
  /** A few words. */
  readonly reason: string;
}

/**
 * A conversation whose socket is not open yet.
 *
 * @param url what the proof of `auth` has to name
 * @param place hears when somebody signs in, and when it ends
 * @param unwanted why nothing of it is read, or null where it is welcome
 */
export function openConversation(
  parts: ConversationParts,
  url: string,
  place: Pick<Place, "signedIn" | "ended">,
  unwanted: Farewell | null = null,
): Conversation {
  const { ctx, relay, log, allowances, monotonic } = parts;
  const { metrics } = ctx;
  const startedMs = monotonic();
  const bucket = tokenBucket(parts.frames, startedMs);
  let member: (SignedIn & { readonly connection: Connection }) | null = null;
  let isClosed = false;
  let heardMs = startedMs;
  let isAsked = false;
  let checkedMs = startedMs;
  let unreadable = 0;
  const take = inOrder(act, fail);
  const line = openLine(metrics, (isForGood) => {
    place.ended();
    try {
      if (member !== null) relay.leave(member.connection, line, isForGood);
    } catch (error) {
      // Whatever it is, this conversation ends, and nothing else does.
      refusalOf(error, log);
    }
  });

  function fail(error: unknown): void {
    line.refuse(null, refusalOf(error, log));
    line.close(CLOSE.serverError, "failed");
  }

  function hello(): void {
    line.say({ t: "hello", nonce: issueNonce(ctx.keys.nonces, ctx.now()) });
  }

  function unreadableFrame(id: string | null, error: ServiceError): void {
    metrics.count("frames_unreadable");
    line.refuse(id, error);
    if (member === null || ++unreadable >= MAX_UNREADABLE_FRAMES) {
      line.close(CLOSE.malformed, "malformed");
    }
  }

  /** Counts what the peer sent; false where it was too much. */
  function hears(): boolean {
    heardMs = monotonic();
    isAsked = false;
    if (bucket.take(heardMs)) return true;
    line.close(CLOSE.rateLimited, "too many frames");
    return false;
  }

  function text(raw: string): void {
    if (line.isEnded || !hears()) return;
    const reading = readFrame(raw, member === null ? MAX_FIRST_FRAME_BYTES : MAX_FRAME_BYTES);
    switch (reading.kind) {
      case "too_large":
        return line.close(CLOSE.tooLarge, "too large");
      case "unreadable":
        return unreadableFrame(reading.id, reading.refusal);
      case "frame":
        metrics.count("frames_received", reading.frame.t);
        take(reading.frame);
    }
  }

  /** Acts on a frame; null where that is done already. */
  function act(frame: ClientFrame): Promise<void> | null {
    if (line.isEnded) return null;
    if (frame.t === "auth") return signIn(frame);
    if (member === null) {
      const id = "id" in frame ? frame.id : null;
      line.refuse(id, new ServiceError("unauthenticated", "Sign in first"));
      line.close(CLOSE.unauthenticated, "not signed in");
      return null;
    }
    const { connection } = member;
    relay.heard(connection);
    switch (frame.t) {
      case "ping":
        line.say({ t: "pong" });
        return null;
      case "pong":
        return null;
      case "bye":
        line.cut(NORMAL_CLOSURE, "bye");
        return null;
      case "ack":
        relay.acked(connection, frame.seq);
        return null;
      case "ice":
        sendIce(frame.id, connection.party);
        return null;
      default:
        if (!allowances.covers(connection, frame, relay, monotonic())) {
          line.refuse(frame.id, tooOften());
          return null;
        }
        return relay.receive(connection, frame satisfies RelayFrame) ?? null;
    }
  }

  function sendIce(id: string, party: Party): void {
    try {
      const isAccount = party.kind === "account";
      const asker = isAccount ? deviceKey({ ...party, deviceId: party.device }) : party.identity;
      const issued = issueIce(ctx, asker);
      line.say({ t: "ice", id, ...iceToWire(issued, ctx.now()) });
    } catch (error) {
      line.refuse(id, refusalOf(error, log));
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
    if (line.isEnded) return;
    if (member === null) return await arrive(signedIn, frame.resume ?? null);
    if (!isSame(member.party, signedIn.party)) {
      return line.refuse(
        null,
        new ServiceError("forbidden", "This connection is another device's"),
      );
    }
    const { connection } = member;
    member = { ...signedIn, connection };
    const mail = await relay.mail.waitingFor(connection.party);
    welcome(relay.renew(connection), mail.length);
    relay.mail.give(connection, mail);
  }

  async function arrive(signedIn: SignedIn, resume: ResumeRequest | null): Promise<void> {
    const { party } = signedIn;
    // Before anything is looked up or anybody is told: the connection stays as it is, and so do its seats.
    if (resume !== null && !allowances.coversResume(party, monotonic())) {
      metrics.count("resumes", "rate_limited");
      line.refuse(null, tooOften());
      return line.close(CLOSE.rateLimited, "too many resumes");
    }
    const mail = await relay.mail.waitingFor(party);
    const greet = (greeting: Greeting) => {
      const { resumed, reason } = greeting;
      if (resume !== null) metrics.count("resumes", resumed ? "resumed" : reason ?? "unknown");
      welcome(greeting, mail.length);
    };
    const connection = await relay.arrive({ party, resume, outlet: line, greet });
    if (connection === null) return line.close(CLOSE.connectionLimit, "too many connections");
    // Likewise; and nobody else gives back what it has taken.
    if (isClosed) return relay.leave(connection, line, false), relay.release(connection);
    member = { ...signedIn, connection };
    // A socket that has ended meanwhile has nobody behind it.
    if (line.isEnded) relay.leave(connection, line, false);
    else place.signedIn();
    relay.mail.give(connection, mail);
  }

  function welcome(greeting: Greeting, mailbox: number): void {
    line.say({ t: "welcome", ...greeting, limits: LIMITS, mailbox });
  }

  function refuseSignIn(refusal: ServiceError): void {
    line.refuse(null, refusal);
    // A fresh nonce lets the client try again on this socket, within its deadline.
    if (refusal.code === "use_dpop_nonce") return hello();
    if (refusal.code === "unavailable" || refusal.code === "internal") {
      return line.close(CLOSE.serverError, "failed");
    }
    if (refusal.code === "unknown_device") {
      return line.close(CLOSE.revoked, "not a device of the account");
    }
    if (member === null) line.close(CLOSE.unauthenticated, "sign-in refused");
  }

  function tick(): void {
    if (line.isEnded) return;
    const nowMs = monotonic();
    if (member === null) {
      if (nowMs - startedMs >= parts.authDeadlineMs) line.close(CLOSE.authDeadline, "no sign-in");
      return;
    }
    if (ctx.now() >= member.expiresMs + TOKEN_GRACE_MS) {
      return line.close(CLOSE.tokenExpired, "token expired");
    }
    const silentMs = nowMs - heardMs;
    if (silentMs >= 2 * parts.heartbeatMs) return line.close(CLOSE.heartbeat, "no answer");
    if (silentMs >= parts.heartbeatMs && !isAsked) {
      isAsked = true;
      line.say({ t: "ping" });
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
    line.refuse(
      null,
      new ServiceError("unknown_device", "This device was removed from the account"),
    );
    line.close(CLOSE.revoked, "device removed");
  }

  return {
    tick,
    text,
    opened(opened) {
      line.opened(opened);
      if (line.isEnded) opened.close(CLOSE.drain, "drain");
      else if (unwanted !== null) line.close(unwanted.code, unwanted.reason);
      else hello();
    },
    binary: () => line.close(CLOSE.malformed, "binary frame"),
    control: () => void (line.isEnded || hears()),
    broken: line.close,
    closed() {
      isClosed = true;
      line.closed();
      if (member !== null) relay.release(member.connection);
      member = null;
    },
    failed: fail,
    warn(afterMs, jitterMs) {
      if (member !== null) line.say({ t: "drain", after_ms: afterMs, jitter_ms: jitterMs });
    },
    drain: () => line.close(CLOSE.drain, "drain"),
  };
}
