/**
 * Somebody who believes a log as far as it proves itself: what tests verify answers with.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AccountLabel } from "../../crypto/account_label.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { type LogIdentity, verifyConfig } from "../../crypto/head.ts";
import { type LookupAnswer, type LookupResult, verifyLookup } from "../../crypto/lookup.ts";
import { parseVerifierKey } from "../../crypto/note_key.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { descriptionFromWire } from "../../wire/service.ts";
import { type TestService } from "./service.ts";

/** The log of a service, as a client meets it. */
export async function logOf(service: Pick<TestService, "url">): Promise<LogIdentity> {
  const response = await fetch(`${service.url}/.well-known/countersign`);
  const { origin, verifier, config: proof } = descriptionFromWire(await response.json());
  const policy = logOnlyPolicy(parseVerifierKey(verifier));
  const { config: { vrfPublicKey, operatorKey } } = await verifyConfig(origin, policy, proof);
  return { origin, policy, vrfPublicKey, operatorKey };
}

/** Verifies an answer about a name of which nothing is known. */
export function judged(
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  trusted: SignedCheckpoint | null = null,
): Promise<LookupResult> {
  const state = { trusted, freshSinceMs: null, known: null, pages: new Map() };
  return verifyLookup(log, label, answer, state);
}

/** Verifies an answer about a name that is there. */
export async function believed(
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  trusted: SignedCheckpoint | null = null,
): Promise<{ readonly record: VerifiedRecord; readonly head: SignedCheckpoint }> {
  const result = await judged(log, label, answer, trusted);
  assert.ok(result.kind === "present", `the name is ${result.kind}`);
  return { record: result.current.record, head: result.head };
}
