/**
 * A liar's numbers: frames that it drops, adds or repeats are numbered as an honest service numbers them,
 * so that a client can't tell by a gap.
 *
 * @module
 */

import { type Frame } from "./liar.ts";

/** The numbers of one connection: what the client was told is the index, the service's own the value. */
type Told = number[];

/** The numbers of all connections that passed. */
export class Numbering {
  readonly #told = new Map<string, Told>();

  /** What an `auth` or `ack` of the client names, in the service's numbers. */
  up(frame: Frame, cid: string | null): Frame {
    if (frame.t === "ack") return { ...frame, seq: this.#real(cid, frame["seq"]) };
    const resume = frame["resume"] as { cid: string; seq: number } | undefined;
    if (frame.t !== "auth" || resume === undefined) return frame;
    const told = this.#told.get(resume.cid);
    // What was told beyond is told again.
    if (told !== undefined) told.length = Math.min(told.length, resume.seq + 1);
    return { ...frame, resume: { ...resume, seq: this.#real(resume.cid, resume.seq) } };
  }

  /** A frame of the service, or of the liar's own, in the client's numbers. */
  down(frame: Frame, cid: string | null): Frame {
    if (frame.t === "welcome") return this.#welcome(frame);
    if (!("seq" in frame) || cid === null) return frame;
    const told = this.#told.get(cid)!;
    told.push(Math.max(told.at(-1)!, Number(frame["seq"])));
    return { ...frame, seq: told.length - 1 };
  }

  #welcome(frame: Frame): Frame {
    const cid = String(frame["cid"]);
    const seq = Number(frame["seq"]);
    if (!this.#told.has(cid)) this.#told.set(cid, Array.from({ length: seq + 1 }, (_, i) => i));
    return frame["resumed"] === true ? { ...frame, seq: this.#told.get(cid)!.length - 1 } : frame;
  }

  #real(cid: string | null, seq: unknown): number {
    const told = this.#told.get(cid ?? "") ?? [0];
    return told[Math.min(Number(seq), told.length - 1)] ?? 0;
  }
}
