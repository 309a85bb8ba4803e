/**
 * A store in IndexedDB, for browsers: private keys stay non-extractable WebCrypto handles, which
 * script can use but never read. One kind is none where WebCrypto lacks ML-KEM, as Firefox's does: there
 * the seed of the ML-KEM prekey lies as 64 bytes, which a script of the page can read; it is worth nothing
 * without the X25519 keys beside it.
 *
 * A browser may clear an origin's storage when space runs out, and the account with it, unless it
 * promised not to: `persist` asks for that.
 *
 * @module
 */

import { type Changes, type Store, type Stored } from "./store.ts";

const TABLE = "values";

/** A store in a browser, which may promise to keep it. */
export interface BrowserStore extends Store {
  /** Whether the browser promised not to clear this origin's storage by itself. */
  isPersistent(): Promise<boolean>;
  /**
   * Asks the browser for that promise, and says whether it gave it; where it refused, another device of
   * the account is what saves it. Some browsers ask their user: call it where an account is made.
   */
  persist(): Promise<boolean>;
}

/** Opens, or creates, a store of this name in this origin's IndexedDB. */
export async function indexedDbStore(name: string): Promise<BrowserStore> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const db = await done(opening);
  return {
    extractable: false,
    update: async (keys, decide) => {
      // Every key is requested before anything is awaited: an idle transaction commits itself.
      const transaction = db.transaction(TABLE, "readwrite", { durability: "strict" });
      const table = transaction.objectStore(TABLE);
      const finished = completion(transaction);
      finished.catch(() => {});
      const values = await readAll(table, keys);
      const { changes, result } = abortOnThrow(transaction, () => decide(values));
      apply(table, changes);
      await finished;
      return result;
    },
    close: () => db.close(),
    isPersistent: () => promised("persisted"),
    persist: () => promised("persist"),
  };
}

/** A browser that knows no such promise, or fails at it, gave none. */
async function promised(question: "persist" | "persisted"): Promise<boolean> {
  try {
    return await navigator.storage[question]();
  } catch {
    return false;
  }
}

async function readAll(table: IDBObjectStore, keys: readonly string[]): Promise<Stored[]> {
  const requests = keys.map((key) => done(table.get(key)));
  const values = await Promise.all(requests);
  return values.map((value: Stored | undefined) => value ?? null);
}

function apply(table: IDBObjectStore, changes: Changes): void {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) table.delete(key);
    else table.put(value, key);
  }
}

function abortOnThrow<T>(transaction: IDBTransaction, work: () => T): T {
  try {
    return work();
  } catch (error) {
    transaction.abort();
    throw error;
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function completion(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}
