/**
 * The times of several instances on one store.
 *
 * @module
 */

import {
  INSTANCE_ASK_MS,
  INSTANCE_DEAD_MS,
  INSTANCE_POLL_MS,
  INSTANCE_RENEW_MS,
  RESUME_WINDOW_MS,
} from "../../wire/limits.ts";

/** The times of a cluster, in milliseconds. */
export interface ClusterTiming {
  /** How often a lease is renewed, and the others' are looked at. */
  readonly renewMs: number;
  /** After what time without a renewal an instance is given up. */
  readonly deadMs: number;
  /** How often an inbox is looked at unasked. */
  readonly pollMs: number;
  /** How long an instance may take to hand a connection over. */
  readonly askMs: number;
  /** How long connections may be gone on with. */
  readonly windowMs: number;
}

/** The times of the protocol. */
export const CLUSTER_TIMING: ClusterTiming = {
  renewMs: INSTANCE_RENEW_MS,
  deadMs: INSTANCE_DEAD_MS,
  pollMs: INSTANCE_POLL_MS,
  askMs: INSTANCE_ASK_MS,
  windowMs: RESUME_WINDOW_MS,
};
