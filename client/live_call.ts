/**
 * A call as its driver sees it, from the moment there is somebody to talk to until it ended.
 *
 * The order that keeps it safe: a session first, then the peer's certificates against the session,
 * then the frame keys to the stack. `secure` is that order, for both sides.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type Session } from "../crypto/session.ts";
import {
  type Description,
  hangup,
  type HangupReason,
  payloadFromBytes,
  payloadToBytes,
} from "../wire/payload.ts";
import { type MediaAdapter, type MediaStats } from "./adapter.ts";
import { type Call, type CallEnd, type CallState, type RelayedMessage, type Said } from "./call.ts";
import { Channel } from "./channel.ts";
import type { Comparison } from "./comparison.ts";
import { ClientError, toClientError } from "./error.ts";
import { awaitPromised } from "./fingerprint.ts";
import type { CallSides, LiveComparison } from "./live_comparison.ts";
import { LiveTalk } from "./live_talk.ts";
import { mediaError } from "./media_failure.ts";
import { type Peer } from "./peer.ts";
import { Reconnection } from "./reconnection.ts";
import { Rekeying } from "./rekeying.ts";
import { type Room } from "./room.ts";
import { Silence } from "./silence.ts";
import { withinStackTime } from "./within.ts";

/** How many messages of a call are remembered: whoever floods it fills no memory. */
const MAX_RELAYED = 1_000;

const ORDER: readonly CallState[] = ["calling", "ringing", "connecting", "connected", "ended"];

/** A call that its caller or its callee drives; applications see `Call`. */
export class LiveCall implements Call {
  id = "";
  readonly peer: Peer;
  readonly #ending = Promise.withResolvers<CallEnd>();
  readonly ended = this.#ending.promise;
  /** The member of the room to whom messages of the session go, or `"*"`. */
  addressee = "*";
  /** Who is in it and what they said, for a comparison; there as soon as there is a session. */
  sides: CallSides | null = null;
  /** Called as the call ends, before anything of it is erased; the room is left after it. */
  onEnd: ((end: CallEnd) => Promise<void>) | null = null;
  isInterrupted = false;
  onInterruption: ((isInterrupted: boolean) => void) | null = null;
  readonly #adapter: MediaAdapter;
  readonly #states = new Channel<CallState>();
  readonly #relayed: RelayedMessage[] = [];
  readonly #talk = new LiveTalk();
  readonly #silence: Silence;
  #state: CallState;
  #session: Session | null = null;
  #comparison: Promise<LiveComparison> | null = null;
  #rekeying: Rekeying | null = null;
  #reconnection: Reconnection | null = null;
  /** A hangup of the session's epoch, sealed while there was time: a page that is closing has none. */
  #farewell: Bytes | null = null;
  #room: Room | null = null;

  /** A call that has just begun: the caller's is `calling`, the callee's `connecting`. */
  constructor(peer: Peer, adapter: MediaAdapter, state: "calling" | "connecting") {
    this.peer = peer;
    this.#adapter = adapter;
    this.#state = state;
    this.#states.push(this.#state);
    this.#silence = new Silence(adapter, (error) => this.fail(error));
    adapter.onFailure = (failure) => this.fail(mediaError(failure));
  }

  get state(): CallState {
    return this.#state;
  }

  /** Whether it is over. Unlike a look at `state`, the compiler lets one ask again after an `await`. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  get relayed(): readonly RelayedMessage[] {
    return this.#relayed;
  }

  states(signal?: AbortSignal): AsyncIterable<CallState> {
    return this.#states.read(signal);
  }

  stats(): Promise<MediaStats> {
    return this.#adapter.stats();
  }

  get epoch(): number {
    return this.#session?.epoch ?? 0;
  }

  async say(text: string): Promise<void> {
    const session = this.#session;
    if (session === null || this.#state !== "connected") {
      throw new ClientError("refused", "The call is not connected");
    }
    await this.#talk.say(text, async (payload) => await this.#send(await session.seal(payload)));
  }

  said(signal?: AbortSignal): AsyncIterable<Said> {
    return this.#talk.read(signal);
  }

  async comparison(): Promise<Comparison> {
    if (this.#state !== "connected") {
      throw new ClientError("refused", "There is nobody to compare with");
    }
    return await this.#compare();
  }

  /** Needed by few, so it is loaded on use. */
  #compare(): Promise<LiveComparison> {
    return this.#comparison ??= (async () => {
      const [session, sides] = [this.#session!, this.sides!];
      const { LiveComparison } = await import("./live_comparison.ts");
      const comparison = new LiveComparison({
        session,
        sides,
        send: async (payload) => await this.#send(await session.seal(payloadToBytes(payload))),
        fail: (error, reason) => this.fail(error, reason),
      });
      void this.ended.then(() => comparison.end());
      return comparison;
    })();
  }

  async hangUp(): Promise<void> {
    if (this.hasEnded) return;
    // The media ends now; the other side is told on the way out.
    const told = this.#tell("ended");
    await this.#end({ by: "self", reason: "ended", error: null }, told);
  }

  /** Moves on; never back, in whatever order the service hands messages over. */
  move(state: CallState): void {
    if (ORDER.indexOf(state) <= ORDER.indexOf(this.#state)) return;
    this.#state = state;
    this.#states.push(state);
  }

  /** Notes a message that passed through the service. */
  note(direction: RelayedMessage["direction"], kind: RelayedMessage["kind"], bytes: number): void {
    if (this.#relayed.length >= MAX_RELAYED) this.#relayed.shift();
    this.#relayed.push({ direction, kind, bytes });
  }

  /** The room through which this call is signalled; left when the call ends. */
  attach(room: Room): void {
    this.#room = room;
    if (this.hasEnded) void room.leave();
  }

  /**
   * Waits for the media connection, checks that it ends where the session says, and only then hands
   * the keys to the stack. A failure ends the call.
   */
  async secure(session: Session, theirs: Description): Promise<void> {
    this.#session = session;
    if (this.hasEnded) return session.wipe();
    try {
      await this.#prepareFarewell(session);
      // It may have ended meanwhile, and nobody would stop what begins here.
      if (this.hasEnded) return;
      this.#rekeying = new Rekeying(session, (box) => this.#send(box));
      this.#rekeying.start();
      await awaitPromised(this.#adapter, theirs);
      if (this.hasEnded) return;
      this.#reconnection = this.#newReconnection(session, theirs);
      await withinStackTime(this.#adapter.start(session.keys));
      this.move("connected");
    } catch (error) {
      this.fail(toClientError(error, "media_failed"));
    }
  }

  #newReconnection(session: Session, theirs: Description): Reconnection {
    return new Reconnection({
      adapter: this.#adapter,
      isCaller: session.keys.self === 0,
      theirs,
      send: async (payload) => await this.#send(await session.seal(payloadToBytes(payload))),
      fail: (error) => this.fail(error),
      onChange: (isInterrupted) => {
        this.isInterrupted = isInterrupted;
        this.onInterruption?.(isInterrupted);
      },
    });
  }

  /** Opens a sealed message of the session. @throws CryptoError `bad_message` */
  async receive(box: Bytes): Promise<void> {
    if (this.#session === null) throw new CryptoError("bad_message", "No session yet");
    const session = this.#session;
    const { epoch } = session;
    const { payload: bytes, reply } = await session.receive(box);
    this.#rekeying?.received();
    this.note("received", "message", box.length);
    // What the message says holds whether or not the other side can be replied to.
    if (session.epoch !== epoch) await this.#prepareFarewell(session);
    const payload = bytes === null ? null : payloadFromBytes(bytes);
    if (payload?.kind === "hangup") return this.#hungUp(payload.reason);
    if (reply !== null) {
      await this.#rekeying?.keysStand();
      await this.#send(reply).catch(() => {});
    }
    if (payload?.kind === "chat") this.#talk.take(payload);
    if (payload?.kind === "restart") this.#reconnection?.take(payload);
    if (payload?.kind === "sas") await (await this.#compare()).take(payload);
  }

  /** The service says that the other side left the room. */
  left(): void {
    this.#silence.left();
  }

  /** The service says that the other side's signaling is lost (`away`), or there again (`back`). */
  watch(event: string): void {
    if (event === "away") this.#silence.away();
    if (event === "back") this.#silence.back();
  }

  /** Another call with the same person has taken its place. */
  giveWay(): void {
    this.endByPeer("replaced");
  }

  #hungUp(reason: HangupReason): void {
    if (reason !== "mismatch") return this.endByPeer(reason);
    // Whoever could be in between would not have handed it on: it is a warning all the same.
    const { world, peer: { record } } = this.sides!;
    void import("./verdict.ts")
      .then(({ noteVerdict }) => noteVerdict(world, record, "mismatch")).catch(() => {});
    const error = new ClientError("code_mismatch", "The other person saw another code");
    void this.#end({ by: "peer", reason, error });
  }

  /** The other side ended the call. */
  endByPeer(reason: HangupReason): void {
    void this.#end({ by: "peer", reason, error: null });
  }

  /** Something failed: tells the other side, if it can, and ends the call. */
  fail(error: ClientError, reason: HangupReason = "failed"): void {
    if (this.hasEnded) return;
    const told = this.#tell(reason);
    void this.#end({ by: "failure", reason, error }, told);
  }

  /** Says it in this very step, where it is sealed already. */
  #tell(reason: HangupReason): Telling {
    if (this.#session === null || this.#room === null) return TOLD;
    const ready = this.#takeFarewell(reason);
    const sealing = ready === null ? this.#session.seal(farewell(reason)) : null;
    const told = ready === null ? sealing!.then((box) => this.#send(box)) : this.#send(ready);
    // What can't be told the other side learns from its media connection instead.
    return { sealed: Promise.allSettled([sealing]), told: told.catch(() => {}) };
  }

  async #send(box: Bytes): Promise<void> {
    this.note("sent", "message", box.length);
    await this.#room?.send(box, this.addressee);
  }

  async #prepareFarewell(session: Session): Promise<void> {
    this.#farewell = await session.seal(farewell("ended"));
  }

  #takeFarewell(reason: HangupReason): Bytes | null {
    if (reason !== "ended") return null;
    const farewell = this.#farewell;
    this.#farewell = null;
    return farewell;
  }

  /** Resolves when whoever has to know was told. */
  async #end(end: CallEnd, { sealed, told }: Telling = TOLD): Promise<void> {
    if (this.hasEnded) return;
    const withdrawn = this.onEnd?.(end);
    this.#adapter.close();
    this.#rekeying?.stop();
    this.#reconnection?.stop();
    this.move("ended");
    this.#states.end();
    this.#talk.end();
    this.#silence.end();
    this.#ending.resolve(end);
    // Not once it arrived: that is the service's word, and nothing is left to say.
    void sealed.then(() => this.#session?.wipe());
    await Promise.all([told, withdrawn]);
    void this.#room?.leave();
  }
}

/** The last word of a call on its way. */
interface Telling {
  /** Resolves when it needs no secret any more. */
  readonly sealed: Promise<unknown>;
  /** Resolves when it arrived, or can't. */
  readonly told: Promise<void>;
}

/** Where there is nobody to tell. */
const TOLD: Telling = { sealed: Promise.resolve(), told: Promise.resolve() };

function farewell(reason: HangupReason): Bytes {
  return payloadToBytes(hangup(reason));
}
