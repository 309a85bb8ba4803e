/**
 * A runtime without synchronous cryptography of its own, as browsers are.
 *
 * @module
 */

/** Runs with the runtime's own functions taken away; one at a time, and nothing else meanwhile. */
export async function portably<T>(work: () => Promise<T> | T): Promise<T> {
  const { process } = globalThis as unknown as { process: object };
  const descriptor = Object.getOwnPropertyDescriptor(process, "getBuiltinModule")!;
  Reflect.deleteProperty(process, "getBuiltinModule");
  try {
    return await work();
  } finally {
    Object.defineProperty(process, "getBuiltinModule", descriptor);
  }
}
