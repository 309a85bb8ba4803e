/**
 * What the runtime has of its own besides WebCrypto: the synchronous functions of Node and of Deno, which
 * spare a promise and two hops between threads for every small operation.
 *
 * The runtime is asked, not imported from, so that a bundle for browsers names no module that they lack. It
 * is asked anew each time: where there is nothing (any more), every primitive has its portable way, and
 * gives the same bytes. Only the files of primitives use this.
 *
 * @module
 */

import { type NativeFunctions, type NativeWays } from "./native.ts";

type Ask = (name: string) => NativeFunctions | undefined;

let asked: Ask | undefined;
let answered: NativeFunctions | null = null;
let ways: NativeWays | null = null;
let isLoading = false;

/** The runtime's own functions, or null in browsers. */
export function nativeFunctions(): NativeFunctions | null {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: Ask } };
  const ask = process?.getBuiltinModule;
  if (ask !== asked) {
    asked = ask;
    const found = ask?.("crypto");
    answered = found?.hash === undefined ? null : found;
    [ways, isLoading] = [null, false];
  }
  return answered;
}

/**
 * What is made of those functions, or null: in browsers, where one is missing, and until it is loaded, which
 * begins when it is first asked for. Nobody waits for it, because what is sealed may be overwritten as soon
 * as sealing was asked for, and browsers need not download it.
 */
export function native(): NativeWays | null {
  const found = nativeFunctions();
  if (found !== null && !isLoading) {
    isLoading = true;
    import("./native.ts").then(({ nativeWays }) => {
      if (found === answered) ways = nativeWays(found);
    }, () => {});
  }
  return ways;
}
