/**
 * The sequencer: takes accepted records out of the pool and puts them into the log, one epoch
 * (BATCH, ROOT, tiles, values, head) in one atomic commit.
 *
 * @module
 */

/** Puts accepted records into the log. */
export interface Sequencer {
  /** Resolves once the log's committed and published head covers this pool entry. */
  sequenced(poolId: string): Promise<void>;
  /** Finishes the epoch under way and takes no more. */
  close(): Promise<void>;
}
