/**
 * The service's core without a network: a context on a store, and accounts that register with it.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type AccountId,
  type AccountLabel,
  parseAccountLabel,
} from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { deviceEntryHash } from "../../crypto/device_entry.ts";
import {
  type AgreementKey,
  type DeviceKeys,
  generateAgreementKeyPair,
  generateDeviceKeys,
  generateKemKeyPair,
} from "../../crypto/keys.ts";
import { type LogIdentity } from "../../crypto/head.ts";
import { type LookupAnswer } from "../../crypto/lookup.ts";
import { parseVerifierKey } from "../../crypto/note_key.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import {
  oneTimeRoot,
  type PrekeySet,
  type SignedPrekeySet,
  signPrekeySet,
} from "../../crypto/prekey.ts";
import { signGenesis, type VerifiedRecord } from "../../crypto/record.ts";
import { Secret } from "../../crypto/secret.ts";
import { believed, judged } from "./believer.ts";
import { type Context, type OpenContext, openContext } from "../../core/context.ts";
import { type TokenIssuer } from "../../core/issuer.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { type PushSettings } from "../../core/push_settings.ts";
import { type TurnSettings } from "../../core/turn.ts";

/** The origin of every test's log. */
export const ORIGIN = "test.invalid/kt/1";

/** A person of a test, with one device. */
export interface TestAccount {
  readonly id: AccountId;
  readonly label: AccountLabel;
  readonly keys: DeviceKeys;
  readonly record: Bytes;
}

/** What can differ from test to test. */
export interface CoreOptions {
  readonly now?: () => number;
  readonly report?: (sentence: string) => void;
  /** First byte of the secret. */
  readonly secret?: number;
  readonly origin?: string;
  readonly names?: NamePolicy;
  readonly push?: PushSettings | null;
  readonly turn?: TurnSettings | null;
  readonly embedder?: TokenIssuer;
  readonly isAlone?: boolean;
}

/** Opens the service's core on a store, always with the same secret. */
export function openCore(kv: Deno.Kv, options: CoreOptions = {}): Promise<OpenContext> {
  const { now = Date.now, report = () => {}, secret = 7, origin = ORIGIN, ...more } = options;
  return openContext({ kv, origin, secret: testSecret(secret), now, report, ...more });
}

/** A secret that is none. */
export function testSecret(fill = 7): Secret {
  return new Secret(new Uint8Array(32).fill(fill));
}

/** A person with a fresh device 1 and a first record. */
export async function newAccount(
  name: string,
  options: { readonly issuedMs?: number; readonly keys?: DeviceKeys; readonly origin?: string } =
    {},
): Promise<TestAccount> {
  const label = parseAccountLabel(name);
  const keys = options.keys ?? await generateDeviceKeys();
  const issuedMs = options.issuedMs ?? Date.now();
  const id = { origin: options.origin ?? ORIGIN, label };
  const record = await signGenesis(id, entryOf(keys, issuedMs), keys, issuedMs);
  return { id, label, keys, record };
}

/** The entry of device 1. */
export function entryOf(keys: DeviceKeys, addedMs: number): Parameters<typeof deviceEntryHash>[1] {
  const { signing, identity } = keys;
  return {
    deviceId: 1,
    signing: signing.publicKey,
    identity: identity.publicKey,
    addedMs,
    name: "test",
  };
}

/** A set of prekeys for device 1 of a verified record. */
export async function newPrekeys(
  account: TestAccount,
  record: VerifiedRecord,
  change: Partial<PrekeySet> & { readonly count?: number; readonly opks?: AgreementKey[] } = {},
): Promise<SignedPrekeySet & { readonly opks: readonly AgreementKey[] }> {
  const { count = 4, opks: given, ...fields } = change;
  const opks = given ?? await Promise.all(
    Array.from({ length: count }, async () => (await generateAgreementKeyPair()).publicKey),
  );
  const set: PrekeySet = {
    deviceEntryHash: deviceEntryHash(account.id, record.devices[0]!.entry),
    setNumber: 1,
    notBeforeMs: Date.now(),
    notAfterMs: Date.now() + 86_400_000,
    spkId: 1,
    spk: (await generateAgreementKeyPair()).publicKey,
    kpkId: 1,
    kpk: (await generateKemKeyPair()).publicKey,
    opkCount: opks.length,
    opkRoot: oneTimeRoot(opks),
    ...fields,
  };
  return { ...await signPrekeySet(set, account.keys.signing), opks };
}

/** What a client pins of a context's log. */
export function identityOf(ctx: Context): LogIdentity {
  const { origin, keys } = ctx;
  const policy = logOnlyPolicy(parseVerifierKey(keys.logVerifierKey));
  return { origin, policy, vrfPublicKey: keys.vrf.publicKey, operatorKey: keys.operator.publicKey };
}

/** Verifies an answer about a name that is there, as a client does at first contact with the name. */
export function verified(
  ctx: Context,
  label: AccountLabel,
  answer: LookupAnswer,
  trusted: SignedCheckpoint | null = null,
): ReturnType<typeof believed> {
  return believed(identityOf(ctx), label, answer, trusted);
}

/** Expects the proof that nobody has a name. */
export async function absent(
  ctx: Context,
  label: AccountLabel,
  answer: LookupAnswer,
): Promise<void> {
  assert.equal((await judged(identityOf(ctx), label, answer)).kind, "absent");
}
