/**
 * The service's core with witnesses, and what became of the heads that it signed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type OpenContext, openContext } from "../../core/context.ts";
import { type WitnessSettings } from "../../core/publisher.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { type Checkpoint, openCheckpoint } from "../../crypto/checkpoint.ts";
import { noteVerifier, type VerifierKey } from "../../crypto/note_key.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { ORIGIN, testSecret } from "./service_core.ts";
import { policyOfWitnesses, type TestWitness } from "./test_witness.ts";

/** What can differ from test to test. */
export interface WitnessedOptions extends Partial<Omit<WitnessSettings, "policy">> {
  readonly witnesses: readonly TestWitness[];
  /** How many of them are enough. */
  readonly threshold: number;
  /** The logs that the policy names; this one where there are none. */
  readonly logs?: readonly VerifierKey[];
  readonly origin?: string;
  readonly now?: () => number;
  readonly report?: (sentence: string) => void;
  readonly isPostQuantum?: boolean;
}

/** Opens the service's core on a store, always with the same secret. */
export function openWitnessed(kv: Deno.Kv, options: WitnessedOptions): Promise<OpenContext> {
  const { witnesses, threshold, origin = ORIGIN, now = Date.now, report = () => {} } = options;
  const { isPostQuantum = false, ...settings } = options;
  return openContext({
    kv,
    origin,
    secret: testSecret(),
    now,
    report,
    isPostQuantum,
    witnesses: {
      auditors: [],
      intervalMs: 10,
      heartbeatMs: 600_000,
      patienceMs: 10_000,
      timeoutMs: 2_000,
      graceMs: 50,
      ...settings,
      policy: { ...policyOfWitnesses(witnesses, threshold), logs: options.logs ?? [] },
    },
  });
}

/** The keys of the log that `openWitnessed` opens. */
export async function logKeysOf(origin = ORIGIN): Promise<readonly VerifierKey[]> {
  return (await deriveServiceKeys(testSecret(), origin)).logKeys;
}

/** The head in what a witness was asked to cosign; its note must be signed by the log. */
export async function headIn(body: string, origin = ORIGIN): Promise<Checkpoint> {
  const note = body.slice(body.indexOf("\n\n") + 2);
  return await openCheckpoint(note, origin, (await logKeysOf(origin)).map(noteVerifier));
}

/** Every head that left the process, in the order in which a witness was asked about them. */
export async function headsSent(
  witness: TestWitness,
  origin = ORIGIN,
): Promise<readonly Checkpoint[]> {
  return await Promise.all(witness.asked.map((body) => headIn(body, origin)));
}

/** Waits for something that comes to be by itself. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
): Promise<T> {
  for (let i = 0; i < 1_000; i++) {
    const found = await look();
    if (found !== null && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return assert.fail(`${what} never came`);
}

/** A row's value. */
export async function valueOf<T>(
  row: (log: LogStore) => Promise<{ readonly value: T } | null>,
  log: LogStore,
): Promise<T> {
  const found = await row(log);
  assert.ok(found !== null, "the row is there");
  return found.value;
}
