/**
 * Watching the log: what a client does so that a lie told to it, or about it, does not stay unnoticed.
 *
 *     own name     still is what this device knows: a reset is somebody else's doing
 *     contacts     their versions never go back, their records extend what is known
 *     head         continues the trusted one (with every lookup), and is fresh
 *     gossip       heads that others were shown have one history with ours
 *     epochs       some at random: each BATCH, and nothing else, turned one prefix tree into the next
 *
 * Everything it finds is given back, none of it is thrown: one lie must not hide another.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { freshnessOf } from "../crypto/policy.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type EpochAnswer, verifyTransition } from "../crypto/transition_audit.ts";
import { auditPath, epochFromWire } from "../wire/log.ts";
import { cell } from "./cell.ts";
import { type Debt, Debts } from "./debt.ts";
import { lookUp } from "./directory.ts";
import { ClientError, type ClientErrorCode, toClientError } from "./error.ts";
import { keepEvidence } from "./evidence.ts";
import { MAX_HEAD_AGE_MS } from "./heads.ts";
import { noteText } from "./known_log.ts";
import { signerOf, type World } from "./world.ts";

/** How many epochs are audited each time. */
const AUDITS = 3;

const OWED = cell<readonly Debt[]>("owed");

/** Something that a client found out about the log. */
export interface Finding {
  /** Whose name it is about, or null where it is about the log. */
  readonly label: string | null;
  /** What it is. */
  readonly error: ClientError;
}

/** Looks once at everything. A service that can't be reached is no finding. */
export async function watch(world: World): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const noting = async <T>(
    label: AccountLabel | null,
    work: () => Promise<T>,
  ): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      const found = findingOf(label, toClientError(error, "proof_invalid"));
      const isSaid = findings.some((one) => isSame(one, found));
      if (!found.error.retryable && found.error.code !== "closed" && !isSaid) findings.push(found);
      return null;
    }
  };
  const { account, http, store, trust, now } = world;
  const head = await noting(null, () => trust.heads.newest(http));
  if (head !== null) await noting(null, () => trust.heads.follow(http, head));
  await noting(account.label, () => world.refresh());
  // Nobody answers a device that was removed.
  if (!findings.some(({ error }) => error.code === "device_removed")) {
    await noting(account.label, () => world.gossip.prepare(account, signerOf(world)));
    for (const label of await trust.people.contacts()) {
      if (label !== account.label) await noting(label, () => watchContact(world, label));
    }
  }
  // What follows blames the service for what it does not show: it has to be there.
  if (head === null) return findings;
  await noting(null, () => watchAge(world));
  for (const note of await trust.heads.heard()) {
    await noting(null, () => trust.heads.explain(http, note, now()));
  }
  const trusted = await trust.heads.trusted();
  const owed = new Debts(store, OWED);
  for (const index of new Set([...(await owed.all()).map(Number), ...epochsOf(trusted)])) {
    await noting(null, () => watchEpoch(world, owed, trusted, index));
  }
  return findings;
}

/** What is wrong with the log is wrong for everybody: it is about nobody, and said once. */
const OF_THE_LOG: ReadonlySet<ClientErrorCode> = new Set<ClientErrorCode>([
  "head_rolled_back",
  "log_forked",
  "log_changed",
  "quorum_missing",
  "stale_head",
  "epoch_invalid",
]);

function findingOf(label: AccountLabel | null, error: ClientError): Finding {
  return { label: OF_THE_LOG.has(error.code) ? null : label, error };
}

function isSame(one: Finding, other: Finding): boolean {
  return one.label === other.label && one.error.code === other.error.code;
}

async function watchContact(world: World, label: AccountLabel): Promise<void> {
  try {
    await lookUp(world, label);
  } catch (error) {
    // A person who ended their name is no lie.
    if (!(error instanceof ClientError) || error.code !== "name_retired") throw error;
  }
}

async function watchAge({ trust, now }: World): Promise<void> {
  const freshMs = freshnessOf(trust.log.policy, await trust.heads.trusted());
  if (freshMs === null || freshMs >= now() - MAX_HEAD_AGE_MS) return;
  throw new ClientError("stale_head", "The witnesses have not vouched for the log for too long");
}

/** Some of the log's epochs, by the index of their ROOT. */
function epochsOf({ size }: SignedCheckpoint): readonly number[] {
  const epochs = (size - 1) / 2;
  const count = Math.min(AUDITS, epochs);
  const chosen = new Set<number>();
  while (chosen.size < count) {
    const random = randomBytes(6).reduce((value, byte) => value * 256 + byte, 0);
    chosen.add(2 * (random % epochs) + 2);
  }
  return [...chosen];
}

/**
 * Audits an epoch. One that the service does not show now is kept until it does: it could refuse just the
 * one that convicts it, so after an hour that counts as a fault.
 */
async function watchEpoch(
  { http, store, trust, now }: World,
  owed: Debts,
  head: SignedCheckpoint,
  index: number,
): Promise<void> {
  let answer: EpochAnswer;
  try {
    answer = epochFromWire(await http.open("GET", auditPath(index, head.size)));
  } catch (error) {
    if (await owed.refused(String(index), now())) throw notShown();
    throw error;
  }
  await owed.paid(String(index));
  try {
    verifyTransition(head, index, answer);
  } catch (error) {
    if (error instanceof CryptoError && error.code === "bad_epoch") {
      const evidence = { kind: "epoch", head: noteText(head), index, answer } as const;
      await keepEvidence(store, trust.log, evidence);
    }
    throw toClientError(error, "epoch_invalid");
  }
}

function notShown(): ClientError {
  return new ClientError("epoch_invalid", "The service does not show an epoch of its log");
}
