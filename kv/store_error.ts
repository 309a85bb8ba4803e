/**
 * What the store throws, as one error of ours: its own are of several kinds, and a `TypeError` of it
 * ("database is locked", "disk is full") is no mistake in an argument.
 *
 * @module
 */

/** The store did not answer, or did not take a write as far as can be told. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** What a read of the store answers. @throws StoreError */
export async function answered<T>(read: Promise<T>): Promise<T> {
  try {
    return await read;
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
}
