/**
 * What a connection has said and was not answered: kept in order, and said again, with the same ids, at
 * its next socket.
 *
 * It says no more at a time than the service takes, and keeps no more than the service remembers the
 * ids of: so nothing that is said again is done twice.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { type ServerFrame } from "../wire/frames.ts";
import { FRAME_BURST, FRAMES_PER_SECOND, REMEMBERED_FRAME_IDS } from "../wire/limits.ts";
import { ClientError } from "./error.ts";
import { type Socket } from "./socket.ts";

/** Most requests that wait. */
const MAX_WAITING = REMEMBERED_FRAME_IDS / 2;
/** How long the service may take to answer a request, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
/** How long a request waits for a socket, in milliseconds. */
const OFFLINE_TIMEOUT_MS = 30_000;
/** How long a request waits in all, however often its socket is lost, in milliseconds. */
const TIMEOUT_MS = 90_000;
/** How many frames are left of the service's burst for pongs and acks. */
const SPARE_FRAMES = 20;
/** From one frame to the next once the burst is used up, in milliseconds. */
const PACE_MS = 1_000 / (FRAMES_PER_SECOND - 5);

/** A frame that waits for an answer. */
export type Request = Extract<ClientFrame, { readonly id: string }>;
/** The same before it has its id. */
export type Unsent = Request extends infer F ? F extends Request ? Omit<F, "id"> : never : never;
/** What answers a request. */
export type Answer = Extract<
  ServerFrame,
  { readonly t: "ack" | "joined" | "lobby" | "snapshot" | "ice" }
>;

/** How a request is made. */
export interface RequestOptions {
  /** Gives up waiting for the answer; what was said stays said. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it goes before what waits because its room has to be joined again. */
  readonly isEntry?: boolean;
}

interface Waiting {
  readonly frame: Request;
  readonly isEntry: boolean;
  readonly startedMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: ClientError) => void;
  /** Whether it was sent on this socket. */
  isSent: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The requests of one connection. */
export class Outbox {
  readonly #waiting = new Map<string, Waiting>();
  /** The rooms that have to be joined again before anything is said in them. */
  readonly #held = new Set<string>();
  #socket: Socket | null = null;
  #budget = 0;
  #filledMs = 0;
  #pump: ReturnType<typeof setTimeout> | undefined;

  /** Sends a frame, now or at the next socket, and waits for its answer. @throws ClientError */
  request(unsent: Unsent, { signal, isEntry = false }: RequestOptions = {}): Promise<Answer> {
    const frame = { ...unsent, id: toBase64Url(randomBytes(9)) } as Request;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(givenUp());
      if (this.#waiting.size >= MAX_WAITING) {
        return reject(new ClientError("unavailable", "Too much waits for the service already"));
      }
      const abort = (): void => this.#settle(frame.id, ({ reject }) => reject(givenUp()));
      signal?.addEventListener("abort", abort);
      const done = (): void => signal?.removeEventListener("abort", abort);
      const waiting: Waiting = {
        frame,
        isEntry,
        startedMs: performance.now(),
        resolve: (answer) => (done(), resolve(answer)),
        reject: (error) => (done(), reject(error)),
        isSent: false,
        timer: undefined,
      };
      this.#waiting.set(frame.id, waiting);
      this.#expire(waiting, OFFLINE_TIMEOUT_MS);
      this.#flush();
    });
  }

  /** Takes the answer to a request; whether one waited for it. */
  answer(id: string, answer: Answer | ClientError): void {
    this.#settle(id, ({ resolve, reject }) => {
      if (answer instanceof ClientError) reject(answer);
      else resolve(answer);
    });
  }

  /** Says at this socket what was not answered, in order; null where there is none for now. */
  attach(socket: Socket | null): void {
    this.#socket = socket;
    clearTimeout(this.#pump);
    this.#pump = undefined;
    this.#budget = FRAME_BURST - SPARE_FRAMES;
    this.#filledMs = performance.now();
    for (const waiting of this.#waiting.values()) {
      if (socket === null && waiting.isSent) this.#expire(waiting, OFFLINE_TIMEOUT_MS);
      waiting.isSent = false;
    }
    this.#flush();
  }

  /** Whether an ack may be sent now, beside the requests. */
  takeTurn(): boolean {
    this.#fill();
    this.#budget -= 1;
    return this.#budget > -SPARE_FRAMES / 2;
  }

  /** Says nothing in this room until it was joined again. */
  hold(room: string): void {
    this.#held.add(room);
  }

  /** Says what waited. */
  release(room: string): void {
    this.#held.delete(room);
    this.#flush();
  }

  /** Ends what waits in one room, or all of it. */
  fail(error: ClientError, room: string | null = null): void {
    if (room === null) this.attach(null);
    for (const [id, { frame }] of [...this.#waiting]) {
      const isMeant = room === null || ("room" in frame && frame.room === room);
      if (isMeant) this.#settle(id, ({ reject }) => reject(error));
    }
  }

  #flush(): void {
    if (this.#socket?.isOpen !== true || this.#pump !== undefined) return;
    this.#fill();
    for (const waiting of this.#waiting.values()) {
      if (waiting.isSent || this.#isHeld(waiting)) continue;
      if (this.#budget < 1) {
        this.#pump = setTimeout(() => {
          this.#pump = undefined;
          this.#flush();
        }, PACE_MS);
        return;
      }
      this.#budget -= 1;
      waiting.isSent = true;
      this.#expire(waiting, ANSWER_TIMEOUT_MS);
      this.#socket.send(waiting.frame);
    }
  }

  #isHeld({ frame, isEntry }: Waiting): boolean {
    return !isEntry && "room" in frame && this.#held.has(frame.room);
  }

  #fill(): void {
    const nowMs = performance.now();
    const most = FRAME_BURST - SPARE_FRAMES;
    this.#budget = Math.min(most, this.#budget + (nowMs - this.#filledMs) / PACE_MS);
    this.#filledMs = nowMs;
  }

  #expire(waiting: Waiting, ms: number): void {
    clearTimeout(waiting.timer);
    const leftMs = TIMEOUT_MS - (performance.now() - waiting.startedMs);
    waiting.timer = setTimeout(() => {
      const late = new ClientError("unavailable", "The service did not answer");
      this.#settle(waiting.frame.id, ({ reject }) => reject(late));
    }, Math.max(0, Math.min(ms, leftMs)));
  }

  #settle(id: string, settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    settle(waiting);
  }
}

function givenUp(): ClientError {
  return new ClientError("cancelled", "It was given up");
}
