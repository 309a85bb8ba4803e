/**
 * What there is of each contender: one way out, one way in.
 *
 * @module
 */

import { type Contender } from "../shared/rounds.ts";

/** The two ways of one implementation. */
export interface Contenders {
  /** From the encoder to the wire. */
  readonly protect: Contender;
  /** From the wire to the decoder. */
  readonly unprotect: Contender;
}

/** Frames in a row before somebody else has a turn. */
export const BATCH = 200;
