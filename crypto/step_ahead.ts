/**
 * Frames that overtake their commit: a sender has taken a step that the room has not shown here yet.
 *
 * The step is taken on a copy, as a timer's, which leaves the roster as it is: one step, of somebody who
 * has a seat, and at most one try for each KID in 100 ms. A key is kept once a tag verified under it; no
 * frame moves the call's own keys, which takes a commit.
 *
 * For stacks that can't let a frame wait: those of the client keep it until its commit is there, for a
 * moment (F28), and so they need none.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { type ChainHead } from "./commit.ts";
import { CryptoError } from "./error.ts";
import { type Generation } from "./generation.ts";
import { CTX, type Ctx, ctxOfKid, frameKid } from "./schedule.ts";
import { type FrameKey, openFrame, readHeader } from "./sframe.ts";

/** How often one KID is tried. */
const TRY_MS = 100;

/** The keys one step ahead of a member of a call. */
export class StepAhead {
  readonly #triedMs = new Map<number, number>();
  readonly #kept = new Map<number, FrameKey>();

  /** The key of a KID that a frame has proved, or null. It is no longer good with the next commit. */
  key(kid: number): FrameKey | null {
    return this.#kept.get(kid) ?? null;
  }

  /**
   * Whether a frame, without its envelope, is of the step after this one: then its key is kept.
   *
   * @param member where one is: `GroupMember` has both
   * @throws CryptoError `malformed`
   */
  async prove(
    member: { readonly head: ChainHead | null; readonly generation: Generation | null },
    frame: Bytes,
    nowMs: number,
  ): Promise<boolean> {
    const { head, generation } = member;
    const header = readHeader(frame);
    const { kid } = header;
    if (this.#kept.has(kid)) return true;
    if (head === null || generation === null || !isNext(kid, head, generation)) return false;
    for (const [tried, atMs] of this.#triedMs) {
      if (nowMs >= atMs + TRY_MS) this.#triedMs.delete(tried);
    }
    if (this.#triedMs.has(kid)) return false;
    this.#triedMs.set(kid, nowMs);
    const next = generation.copy().next({ ...head.commit, step: generation.step + 1 });
    const key = await next.frameKey(kid >>> 11, ctxOfKid(kid) as Ctx).finally(() => next.wipe());
    try {
      await openFrame(key, header, new Uint8Array(0), frame);
    } catch (error) {
      if (error instanceof CryptoError && error.code === "bad_frame") return false;
      throw error;
    }
    // Meanwhile a commit may have come.
    const isSame = member.head !== null && equal(member.head.commit.hash, head.commit.hash);
    if (isSame) this.#kept.set(kid, key);
    return isSame;
  }

  /** A commit was taken: what was kept is dropped, and the stack has the call's own keys. */
  clear(): void {
    this.#kept.clear();
    this.#triedMs.clear();
  }
}

/** Whether a KID is that of a seat in the step after a generation. */
function isNext(kid: number, { roster }: ChainHead, { epoch, step }: Generation): boolean {
  const [index, ctx] = [kid >>> 11, ctxOfKid(kid)];
  if (!Object.values(CTX).some((known) => known === ctx)) return false;
  if (!roster.some((seat) => seat.index === index)) return false;
  return frameKid({ epoch, step: step + 1 }, index, ctx as Ctx) === kid;
}
