/**
 * A runtime that lacks what this one has: synchronous cryptography of its own, or WebCrypto's ML-KEM. For
 * any runtime, those that lack it anyway included; one at a time, and nothing else meanwhile.
 *
 * @module
 */

import { native, nativeFunctions } from "../../crypto/platform.ts";

/** Waits until the runtime's own functions are in use, where it has any: until then nothing uses them. */
export async function loadNative(): Promise<void> {
  if (nativeFunctions() === null) return;
  for (let i = 0; native() === null; i++) {
    if (i === 1_000) throw new Error("The runtime's own functions never came");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Runs with the runtime's own functions taken away, as in browsers. */
export async function portably<T>(work: () => Promise<T> | T): Promise<T> {
  return await during(portable(), work);
}

/** Runs with WebCrypto's ML-KEM taken away. */
export async function withoutNativeKem<T>(work: () => Promise<T> | T): Promise<T> {
  return await during(taken(SubtleCrypto.prototype, "encapsulateBits"), work);
}

/** Takes the runtime's own functions away until it is disposed of. */
export function portable(): Disposable {
  const { process } = globalThis as { readonly process?: object };
  return taken(process ?? {}, "getBuiltinModule");
}

/** By hand: Node 20 has no `using`. */
async function during<T>(taken: Disposable, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } finally {
    taken[Symbol.dispose]();
  }
}

function taken(target: object, name: string): Disposable {
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  Reflect.deleteProperty(target, name);
  return {
    [Symbol.dispose]: () => {
      if (descriptor !== undefined) Object.defineProperty(target, name, descriptor);
    },
  };
}
