/**
 * A relay in this process with clients that keep to the protocol, on sockets that are cut anywhere: each
 * frame is moved by hand, and what was under way when a socket is cut is lost.
 *
 * Whether the service notices a cut before its client is back is up to chance too: it may hear of it at
 * once, late, or never.
 *
 * @module
 */

import { equal } from "node:assert/strict";
import { type Connection, type Outlet } from "../../core/connection.ts";
import { type Context } from "../../core/context.ts";
import { openMailboxes } from "../../core/mailbox.ts";
import { openMetrics } from "../../core/metrics.ts";
import { pairCount, RING_RATES } from "../../core/pair_rate.ts";
import { type Greeting } from "../../core/presence.ts";
import { openRelay, type Relay, type RelayFrame } from "../../core/relay.ts";
import { type ServerFrame } from "../../wire/frames.ts";
import { type RoomRules } from "../../core/room_rules.ts";
import { ACK_FRAMES } from "../../wire/limits.ts";
import { testRules } from "./room_rules.ts";
import { person } from "./room_steps.ts";

/** Chance that is the same in every run. */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** What a relay needs of the world, on a clock to turn. */
export function lossyRelay(
  rules: RoomRules = testRules(),
): { relay: Relay; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  const now = () => clock.now;
  const metrics = openMetrics();
  // Nobody here leaves or takes any mail, so there is no store behind it.
  const mailboxes = openMailboxes({ kv: null as unknown as Deno.Kv, now, metrics });
  const ctx = { now, metrics, mailboxes } as Context;
  const report = (error: unknown): void => {
    throw error;
  };
  return { relay: openRelay({ ctx, rings: pairCount(RING_RATES), report, rules }), clock };
}

/** One socket. */
interface Wire {
  readonly up: (RelayFrame | { readonly t: "ack"; readonly seq: number })[];
  readonly down: (ServerFrame | Greeting)[];
  readonly outlet: Outlet;
  connection: Connection | null;
  isWelcomed: boolean;
}

/** Why a connection was not gone on with. */
export type Failure = Exclude<Greeting["reason"], null>;

const ROOM = "AAAAAAAAAAAAAAAAAAAAAA";

/** A client that keeps to the protocol. */
export class LossyClient {
  /** What it has sent to everybody, in order. */
  readonly sent: string[] = [];
  /** What each member said, in order. */
  readonly heard = new Map<string, string[]>();
  /** Why it had to begin anew. */
  readonly failures: Failure[] = [];
  readonly name: string;
  /** The others, by member id, and whether each is away; null until it has joined. */
  members: Map<string, boolean> | null = null;
  rseq = 0;
  wire: Wire | null = null;
  readonly #relay: Relay;
  readonly #outbox = new Map<string, RelayFrame>();
  readonly #old: Wire[] = [];
  #resume: { cid: string; key: string; seq: number } | null = null;
  #acked = 0;
  #ids = 0;
  #mid = "";

  constructor(relay: Relay, name: string) {
    this.#relay = relay;
    this.name = name;
  }

  /** Opens a socket and signs in. */
  connect(): void {
    const wire: Wire = {
      up: [],
      down: [],
      outlet: {
        send: (text) => void wire.down.push(JSON.parse(text)),
        close: () => {},
      },
      connection: null,
      isWelcomed: false,
    };
    const { party } = person(this.name);
    const greet = (greeting: Greeting) => void wire.down.push(greeting);
    const resume = this.#resume === null ? null : { ...this.#resume };
    wire.connection = this.#relay.arrive({
      party,
      resume,
      outlet: wire.outlet,
      greet,
    }) as Connection;
    this.wire = wire;
  }

  /** The network cuts it. @param isNoticed whether the service hears of it at once */
  cut(isNoticed: boolean): void {
    const { wire } = this;
    if (wire === null) return;
    wire.up.length = wire.down.length = 0;
    this.wire = null;
    this.#old.push(wire);
    if (isNoticed) this.notice();
  }

  /** The service notices whatever was cut. */
  notice(): void {
    for (const { connection, outlet } of this.#old.splice(0)) {
      this.#relay.leave(connection!, outlet, false);
      this.#relay.release(connection!);
    }
  }

  /** Says something to everybody. */
  say(): void {
    const ct = `${this.name}-${this.sent.length}`;
    this.sent.push(ct);
    this.#request({ t: "signal", id: this.#id(), room: ROOM, to: "*", ct });
  }

  /** Asks for a snapshot. */
  sync(): void {
    this.#request({ t: "sync", id: this.#id(), room: ROOM });
  }

  /** One frame reaches the service; false where there is none. */
  up(): boolean {
    const frame = this.wire?.up.shift();
    const connection = this.wire?.connection;
    if (frame === undefined || connection === undefined || connection === null) return false;
    this.#relay.heard(connection);
    if (frame.t === "ack") this.#relay.acked(connection, frame.seq);
    else equal(this.#relay.receive(connection, frame), undefined, "nothing is waited for");
    return true;
  }

  /** One frame reaches the client; false where there is none. */
  down(): boolean {
    const frame = this.wire?.down.shift();
    if (frame === undefined) return false;
    if (!("t" in frame)) this.#welcomed(frame);
    else this.#take(frame);
    return true;
  }

  /** Its own member id. */
  get mid(): string {
    return this.#mid;
  }

  #welcomed({ cid, resume: key, seq, resumed, reason }: Greeting): void {
    this.wire!.isWelcomed = true;
    if (resumed) equal(seq, this.#resume!.seq);
    else {
      if (reason !== null) this.failures.push(reason);
      this.#outbox.clear();
      this.members = null;
      this.#acked = 0;
    }
    this.#resume = { cid, key, seq };
    if (resumed) this.wire!.up.push(...this.#outbox.values());
    else this.#request({ t: "join", id: this.#id(), room: ROOM });
  }

  #take(frame: ServerFrame): void {
    if (frame.t === "ack" || frame.t === "error") {
      this.#outbox.delete(frame.id ?? "");
      return equal(frame.t, "ack", JSON.stringify(frame));
    }
    if (!("seq" in frame) || frame.t === "welcome") return;
    equal(frame.seq, this.#resume!.seq + 1, "every number comes once and in order");
    this.#resume!.seq = frame.seq;
    if (frame.seq >= this.#acked + ACK_FRAMES) {
      this.#acked = frame.seq;
      this.wire!.up.push({ t: "ack", seq: frame.seq });
    }
    switch (frame.t) {
      case "joined":
      case "snapshot":
        this.#outbox.delete(frame.id ?? "");
        this.rseq = frame.rseq;
        this.#mid = frame.mid;
        this.members = new Map(frame.members.map(({ mid, away }) => [mid, away]));
        return;
      case "presence":
        equal(frame.rseq, this.rseq + 1, "every number of the room comes once and in order");
        this.rseq = frame.rseq;
        if (frame.event === "leave") this.members!.delete(frame.member.mid);
        else if (frame.member.mid !== this.#mid) {
          this.members!.set(frame.member.mid, frame.member.away);
        }
        return;
      case "signal": {
        const said = this.heard.get(frame.ct.split("-")[0]!) ?? [];
        said.push(frame.ct);
        this.heard.set(frame.ct.split("-")[0]!, said);
      }
    }
  }

  #request(frame: RelayFrame): void {
    this.#outbox.set(frame.id, frame);
    // Nothing is said before the welcome: it gives the key for the next time.
    if (this.wire?.isWelcomed === true) this.wire.up.push(frame);
  }

  #id(): string {
    return `${this.name}${this.#ids++}`;
  }
}
