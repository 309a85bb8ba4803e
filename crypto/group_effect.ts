/**
 * What a member of a group call has to do about what happened: values only, in their order.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type ChainHead, type Commit } from "./commit.ts";
import { type Generation } from "./generation.ts";
import { type Heartbeat } from "./group_message.ts";
import { type Retirement } from "./live_generations.ts";

/** One thing to do. Devices go by the hash of their entry; `null` is everybody. */
export type GroupEffect =
  /** Sign this, and give it to the room, which puts it in its place among all commits. */
  | { readonly kind: "propose"; readonly commit: Commit }
  /** Sign this, and give it to the room: it comes back in order with the commits. */
  | { readonly kind: "heartbeat"; readonly beat: Omit<Heartbeat, "signer"> }
  /** Seal this in the session with this device, and erase it then. */
  | { readonly kind: "seal"; readonly to: Bytes; readonly message: Bytes }
  /** The same, and with it, in the clear, where the call has got to (`encodeSnapshot`). */
  | {
    readonly kind: "welcome";
    readonly to: Bytes;
    readonly message: Bytes;
    readonly head: ChainHead;
  }
  /** Say this in the clear: an acknowledgement to one, a switch to everybody. */
  | { readonly kind: "tell"; readonly to: Bytes | null; readonly message: Bytes }
  /** Ask for the present secret, of this device, or of whoever has a seat; and the room for what is missing. */
  | { readonly kind: "ask"; readonly to: Bytes | null }
  /** Derive the receive keys of the tracks that there are, and wipe this copy. */
  | { readonly kind: "install"; readonly generation: Generation }
  /** Derive one's own keys, send with them from now on, and wipe this copy. */
  | { readonly kind: "use"; readonly generation: Generation }
  /** Drop these receive keys. */
  | { readonly kind: "retire"; readonly keys: Retirement }
  /** Ask the senders for a key frame: some of their frames could not be opened. */
  | { readonly kind: "key-frame" }
  /** Send nothing until the next `use`: somebody left, or nothing was heard for 120 s. */
  | { readonly kind: "hold"; readonly why: "left" | "stale" }
  /** Nothing was heard of the committer for 30 s; or now something was. */
  | { readonly kind: "degraded"; readonly isDegraded: boolean }
  /**
   * A member did what it should not: it took the committer's part before it was its turn, or spoke of
   * another head than everybody has. Nothing else comes of it.
   */
  | { readonly kind: "suspect"; readonly who: Bytes; readonly why: "takeover" | "heartbeat" }
  /** The call is over for this member, and everything wiped. */
  | { readonly kind: "stop"; readonly why: "removed" | "forked" };
