/**
 * A store in a file: nobody else reads it, and it belongs to one process, since two would not tell
 * each other what they write.
 *
 * @module
 */

/** What only its owner reads and writes. */
const OWNER_ONLY = 0o600;

/** Creates the file where there is none, before the platform would, which lets others read it. */
export async function createStoreFile(path: string): Promise<void> {
  (await Deno.open(path, { create: true, write: true, mode: OWNER_ONLY })).close();
}

/**
 * Takes the lock of a store that is there, by whatever path; false where another process has it. It
 * ends with the process.
 */
export async function lockStore(path: string): Promise<boolean> {
  const lock = `${await Deno.realPath(path)}.lock`;
  const file = await Deno.open(lock, { create: true, write: true, mode: OWNER_ONLY });
  return await file.tryLock(true);
}
