/**
 * Two verdicts on every vector: the project's own, and the one of the runtime's WebCrypto.
 *
 * Runs in each runtime (`runEverywhere`) and knows none of them.
 *
 * @module
 */

import { fromHex } from "../../support/hex.ts";
import { type Case, type Verdict } from "./case.ts";
import { oursOn } from "./ours.ts";
import { rawOn } from "./raw.ts";

/** What one runtime says. */
export interface Verdicts {
  /** Whether its WebCrypto has ML-KEM-768; noble's is used where not. */
  readonly nativeKem: boolean;
  /** In the order of the vectors. */
  readonly verdicts: readonly Verdict[];
}

/** Judges every vector, one after the other. */
export async function run(cases: readonly Case[]): Promise<Verdicts> {
  const verdicts: Verdict[] = [];
  for (const { algorithm, fields } of cases) {
    const field = (name: string) => {
      const hex = fields[name];
      if (hex === undefined) throw new Error(`A vector for ${algorithm} has no ${name}`);
      return fromHex(hex);
    };
    verdicts.push({
      ours: await oursOn(algorithm, field),
      raw: await rawOn(algorithm, field),
    });
  }
  return { nativeKem: "encapsulateBits" in crypto.subtle, verdicts };
}
