/**
 * The service's words for messages, signed for real and late: as a runtime that signs on another thread may.
 *
 * @module
 */

import { labelled } from "../../crypto/labels.ts";

/** Receipts come late until it is disposed of. */
export interface SlowReceipts extends Disposable {
  /** How many were asked for so far. */
  readonly count: number;
}

interface Process {
  getBuiltinModule?: unknown;
}

/** Has every receipt come so many milliseconds late. */
export function slowReceipts(ms: number): SlowReceipts {
  const { process } = globalThis as unknown as { readonly process: Process };
  const { subtle } = crypto;
  const [ask, sign] = [process.getBuiltinModule, subtle.sign];
  const label = labelled("receipt");
  let count = 0;
  // The runtime's own signatures are synchronous.
  process.getBuiltinModule = undefined;
  subtle.sign = async (algorithm, key, data) => {
    const signature = await sign.call(subtle, algorithm, key, data);
    const isReceipt = label.every((byte, i) => (data as Uint8Array)[i] === byte);
    if (isReceipt && ++count) await new Promise((resolve) => setTimeout(resolve, ms));
    return signature;
  };
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]() {
      process.getBuiltinModule = ask;
      subtle.sign = sign;
    },
  };
}
