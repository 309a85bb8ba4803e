/**
 * Two verdicts on every vector: the project's own, and the one of the runtime's WebCrypto.
 *
 * Runs in each runtime (`runEverywhere`) and knows none of them.
 *
 * @module
 */

import { nativeFunctions } from "../../../crypto/platform.ts";
import { fromHex } from "../../support/hex.ts";
import { loadNative, portably } from "../../support/portable.ts";
import { type Algorithm, type Case, type Field, type Verdict } from "./case.ts";
import { both, oursOn } from "./ours.ts";
import { rawOn } from "./raw.ts";

/** What one runtime says. */
export interface Verdicts {
  /** Whether its WebCrypto has ML-KEM-768; noble's is used where not. */
  readonly nativeKem: boolean;
  /** Whether it has synchronous functions of its own (`crypto/platform.ts`), which were judged too. */
  readonly hasOwnFunctions: boolean;
  /** In the order of the vectors. */
  readonly verdicts: readonly Verdict[];
}

/** Judges every vector in every way that there is: the runtime's own functions, and WebCrypto's alone. */
export async function run(cases: readonly Case[]): Promise<Verdicts> {
  await loadNative();
  const own = await judged(cases, oursOn);
  const portable = await portably(() => judged(cases, oursOn));
  const raw = await judged(cases, rawOn);
  const verdicts = cases.map((_, i) => ({ ours: both(own[i]!, portable[i]!), raw: raw[i]! }));
  return {
    nativeKem: "encapsulateBits" in crypto.subtle,
    hasOwnFunctions: nativeFunctions() !== null,
    verdicts,
  };
}

/** One after the other. */
async function judged<Said>(
  cases: readonly Case[],
  judge: (algorithm: Algorithm, field: Field) => Promise<Said>,
): Promise<readonly Said[]> {
  const said: Said[] = [];
  for (const { algorithm, fields } of cases) {
    const field = (name: string) => {
      const hex = fields[name];
      if (hex === undefined) throw new Error(`A vector for ${algorithm} has no ${name}`);
      return fromHex(hex);
    };
    said.push(await judge(algorithm, field));
  }
  return said;
}
