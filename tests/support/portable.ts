/**
 * A runtime that lacks what this one has: synchronous cryptography of its own, or WebCrypto's ML-KEM. For
 * any runtime, those that lack it anyway included; one at a time, and nothing else meanwhile.
 *
 * @module
 */

/** Runs with the runtime's own functions taken away, as in browsers. */
export async function portably<T>(work: () => Promise<T> | T): Promise<T> {
  const { process } = globalThis as { readonly process?: object };
  return await without(process ?? {}, "getBuiltinModule", work);
}

/** Runs with WebCrypto's ML-KEM taken away. */
export async function withoutNativeKem<T>(work: () => Promise<T> | T): Promise<T> {
  return await without(SubtleCrypto.prototype, "encapsulateBits", work);
}

async function without<T>(target: object, name: string, work: () => Promise<T> | T): Promise<T> {
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  if (descriptor === undefined) return await work();
  Reflect.deleteProperty(target, name);
  try {
    return await work();
  } finally {
    Object.defineProperty(target, name, descriptor);
  }
}
