/**
 * A member that loses its sockets and comes back, here or elsewhere, as a client of the protocol has to:
 * it keeps what was not acked, goes on with its connection, and counts what it hears.
 *
 * @module
 */

import { toBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { type ClientFrame, type ResumeRequest } from "../../wire/client_frames.ts";
import { type ServerFrame } from "../../wire/frames.ts";
import { ACK_FRAMES } from "../../wire/limits.ts";
import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { makeProof, tokenOf } from "./dpop.ts";
import { type TestService } from "./service.ts";
import { type TestAccount } from "./service_core.ts";

/** What a member has gone through. */
export interface Journey {
  /** Texts by sender's account, in the order in which they were taken in, doubles dropped. */
  readonly heard: ReadonlyMap<string, readonly string[]>;
  /** How often something came twice, without the connection having been lost in between. */
  readonly doubled: number;
  /** How often something came twice after `instance_lost`, which the protocol allows. */
  readonly repeated: number;
  /** What each welcome said: `fresh`, `resumed`, or why not. */
  readonly welcomes: readonly string[];
  /** The close codes of its sockets, as far as the service closed them. */
  readonly closes: readonly number[];
  /** Ids of frames that were acked. */
  readonly acked: ReadonlySet<string>;
  /** Presence events by account. */
  readonly presence: readonly (readonly [account: string, event: string, atMs: number])[];
}

/** A member that wanders. */
export interface Wanderer extends Journey {
  /** Its account. */
  readonly name: string;
  /** Connects to a service, with what it had; resolves when it is welcome. */
  goTo(service: TestService): Promise<void>;
  /** Joins the room. */
  join(room: string): Promise<void>;
  /** Says something to all others; it is sent until it is acked. */
  say(text: string): void;
  /** Loses its socket. @param isSilent the service does not hear of it */
  drop(isSilent: boolean): void;
  /** Frames that were not acked. */
  readonly unacked: number;
  /** Whether it has a socket. */
  readonly isOnline: boolean;
  /** Closes what is open. */
  end(): void;
}

/** Longest that a welcome is waited for, in milliseconds. */
const PATIENCE_MS = 30_000;

/** A member who has an account. */
export function wanderer(account: TestAccount): Wanderer {
  const name = account.label;
  const heard = new Map<string, string[]>();
  const seen = new Set<string>();
  const welcomes: string[] = [];
  const closes: number[] = [];
  const acked = new Set<string>();
  const presence: (readonly [string, string, number])[] = [];
  const outbox = new Map<string, ClientFrame>();
  const accountOf = new Map<string, string>();
  const silent: WebSocket[] = [];
  let doubled = 0;
  let repeated = 0;
  let mayRepeat = false;
  let resume: ResumeRequest | null = null;
  let ackedSeq = 0;
  let native: WebSocket | null = null;
  let token: string | null = null;
  let count = 0;
  let inRoom: string | null = null;
  /** Nothing is said before the welcome: what waits goes first. */
  let isWelcome = false;
  let onJoined: (() => void) | null = null;

  function transmit(frame: ClientFrame): void {
    if (native?.readyState === WebSocket.OPEN) native.send(JSON.stringify(frame));
  }

  function take(seq: number): void {
    resume = { ...resume!, seq };
    if (seq - ackedSeq < ACK_FRAMES) return;
    ackedSeq = seq;
    transmit({ t: "ack", seq });
  }

  function hear(frame: ServerFrame): void {
    if ("seq" in frame && frame.t !== "welcome") take(frame.seq);
    switch (frame.t) {
      case "joined":
      case "snapshot":
        for (const { mid, account: whose } of frame.members) accountOf.set(mid, whose!);
        onJoined?.();
        break;
      case "presence":
        accountOf.set(frame.member.mid, frame.member.account!);
        presence.push([frame.member.account!, frame.event, performance.now()]);
        break;
      case "signal": {
        const key = `${frame.from} ${frame.id}`;
        if (seen.has(key)) {
          if (mayRepeat) repeated++;
          else doubled++;
          break;
        }
        seen.add(key);
        const from = accountOf.get(frame.from) ?? frame.from;
        heard.set(from, [...heard.get(from) ?? [], frame.id.split("_")[1]!]);
        break;
      }
      case "ack":
        outbox.delete(frame.id);
        acked.add(frame.id);
        break;
      case "error":
        // What may be tried again is sent again in its order, on another socket.
        if (frame.code === "unavailable" || frame.code === "internal") native?.close();
        // Back too often: the service closes the socket, and another one is tried later.
        else if (frame.code === "rate_limited" && !isWelcome) break;
        else throw new Error(`${name} was refused: ${frame.code}`);
    }
  }

  function welcomed(frame: ServerFrame & { t: "welcome" }): void {
    isWelcome = true;
    welcomes.push(frame.resumed ? "resumed" : frame.reason ?? "fresh");
    if (frame.reason === "instance_lost") mayRepeat = true;
    resume = { cid: frame.cid, key: frame.resume, seq: frame.seq };
    ackedSeq = frame.seq;
    if (!frame.resumed && inRoom !== null) {
      transmit({ t: "join", id: `j${++count}`, room: inRoom });
    }
    for (const one of outbox.values()) transmit(one);
  }

  async function goTo(service: TestService): Promise<void> {
    token ??= await tokenOf(service, account);
    const socket = new WebSocket(service.url.replace("http", "ws") + SOCKET, SUBPROTOCOL);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(reject, PATIENCE_MS, new Error(`${name} is not welcome`));
    native?.close();
    native = socket;
    isWelcome = false;
    socket.onclose = ({ code }) => {
      if (native === socket) {
        native = null;
        closes.push(code);
      }
      reject(new Error(`${name} was closed with ${code}`));
    };
    socket.onmessage = async ({ data }) => {
      if (native !== socket) return;
      const frame = JSON.parse(data) as ServerFrame;
      if (frame.t === "hello") {
        const proof = await makeProof(account.keys.signing, {
          method: "GET",
          url: service.url + SOCKET,
          nonce: frame.nonce,
          token: token!,
          nowMs: service.now(),
        });
        const auth: ClientFrame = { t: "auth", token: token!, proof };
        return transmit(resume === null ? auth : { ...auth, resume });
      }
      if (frame.t === "welcome") {
        welcomed(frame);
        return resolve();
      }
      hear(frame);
    };
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    name,
    heard,
    welcomes,
    closes,
    acked,
    presence,
    get doubled() {
      return doubled;
    },
    get repeated() {
      return repeated;
    },
    get unacked() {
      return outbox.size;
    },
    get isOnline() {
      return native?.readyState === WebSocket.OPEN;
    },
    goTo,
    join(room) {
      inRoom = room;
      const { promise, resolve } = Promise.withResolvers<void>();
      onJoined = resolve;
      transmit({ t: "join", id: `j${++count}`, room });
      return promise;
    },
    say(text) {
      const id = `${name}_${text}`;
      const ct = toBase64Url(utf8(text.padEnd(384)));
      const frame: ClientFrame = { t: "signal", id, room: inRoom!, to: "*", ct };
      outbox.set(id, frame);
      if (isWelcome) transmit(frame);
    },
    drop(isSilent) {
      const socket = native;
      native = null;
      if (socket === null) return;
      if (isSilent) silent.push(socket);
      else socket.close();
    },
    end() {
      native?.close();
      for (const socket of silent) socket.close();
    },
  };
}
