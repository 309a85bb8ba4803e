/**
 * What the one writer of an instance takes, and what it answers.
 *
 * @module
 */

import { type Room } from "../room.ts";
import { type Draft, type OwnPlaces } from "./draft.ts";

/** Something to be committed. */
export interface Task<T> {
  /** The rooms that it looks at: they are loaded before. */
  readonly rooms: readonly string[];
  /** Decides; called again where what it saw is over. */
  build(draft: Draft): T;
}

/** A task that was committed. */
export interface Committed<T> {
  readonly value: T;
  /** Where it stands among all commits. */
  readonly versionstamp: string;
  /** The rows of the instance's own inbox of this commit. */
  readonly own: OwnPlaces;
}

/** A row that a task required was changed meanwhile. */
export class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** The writer of an instance. */
export interface Committer {
  /**
   * Commits a task, behind all that were given before.
   *
   * @param onCommit called right when it is committed, in the order of commits
   * @throws Overtaken, StoreError, ServiceError `unavailable`; what `build` throws
   */
  submit<T>(task: Task<T>, onCommit?: (done: Committed<T>) => void): Promise<Committed<T>>;
  /** A room as it was last read, or null. */
  known(room: string): Room | null;
  /** Forgets what was read of a room. */
  forget(room: string): void;
  /** Reads a room anew. @throws StoreError */
  refresh(room: string): Promise<Room>;
  /** Whether this instance was given up. */
  isFenced(): boolean;
  /** Commits what was given before, and takes no more. */
  close(): Promise<void>;
}
