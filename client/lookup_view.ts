/**
 * What a lookup came to, with all its steps: the verdict of `verifyLookup` over what was seen on the way.
 *
 * @module
 */

import { type LookupResult } from "../crypto/lookup.ts";
import { type ClientError } from "./error.ts";
import { type LookupSight, type Step, type StepName } from "./lookup_sight.ts";

/** What a lookup came to. */
export interface LookupView extends LookupSight {
  /** The name in its one form. */
  readonly label: string;
  /** What was proved; `refused` where the answer does not verify. */
  readonly outcome: "present" | "absent" | "retired" | "partial" | "refused";
  /** The newest version, where there is one. */
  readonly greatest: number | null;
  /** Records that were followed, each signed by the one before. */
  readonly records: number;
  /** Why it was refused, or null. */
  readonly error: ClientError | null;
}

/** A lookup that was proved. */
export function provenView(label: string, sight: LookupSight, result: LookupResult): LookupView {
  const isPresent = result.kind === "present";
  const skipped: readonly StepName[] = result.kind === "absent"
    ? ["commitment", "chain"]
    : result.kind === "partial"
    ? ["chain"]
    : [];
  return {
    ...sight,
    label,
    outcome: result.kind,
    steps: sight.steps.map(({ name, verdict }): Step => {
      // The records are followed by `verifyLookup` alone.
      return {
        name,
        verdict: skipped.includes(name) ? "skipped" : name === "chain" ? "passed" : verdict,
      };
    }),
    greatest: isPresent ? result.current.record.version : null,
    records: isPresent ? result.chain.length : 0,
    error: null,
  };
}

/** A lookup whose answer is false; where no step before it failed, its records are. */
export function refusedView(label: string, sight: LookupSight, error: ClientError): LookupView {
  const isFound = sight.steps.some(({ verdict }) => verdict === "failed");
  const steps = isFound
    ? sight.steps
    : sight.steps.map((step): Step =>
      step.name === "chain" ? { ...step, verdict: "failed" } : step
    );
  return { ...sight, label, outcome: "refused", steps, greatest: null, records: 0, error };
}
