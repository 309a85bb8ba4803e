/**
 * What a lookup weighs and takes, by the size of the log: for somebody who meets a name and for somebody
 * who knows it, and for a name that nobody has.
 *
 *     deno task bench:lookup [names ...]      1000 10000 100000 by default
 *
 * Names are proved by the real service core, out of an SQLite file, and verified as a client does. The
 * bytes are those of the tlog-proof text; the head has the log's own signature alone, and a witness adds
 * about 130 bytes to it.
 *
 * @module
 */

import { type OpenContext, openContext } from "../core/context.ts";
import { lookup } from "../core/directory.ts";
import { batchStep } from "../core/epoch.ts";
import { keepPrefix } from "../core/prefix_store.ts";
import { register } from "../core/registration.ts";
import { type AccountLabel, parseAccountLabel } from "../crypto/account_label.ts";
import { FIRST_CONTACT } from "../crypto/head.ts";
import {
  type KnownRecord,
  type LookupAnswer,
  type LookupResult,
  verifyLookup,
} from "../crypto/lookup.ts";
import { readHead } from "../kv/head.ts";
import { commit } from "../kv/transact.ts";
import { identityOf, newAccount, testSecret } from "../tests/support/service_core.ts";
import { syntheticPool } from "../tests/support/synthetic_pool.ts";

const BATCH = 100;
const PEOPLE = 24;
const ORIGIN = "bench.invalid/kt/1";

/** One kind of lookup. */
interface Kind {
  readonly name: string;
  readonly known: boolean;
  readonly labels: readonly AccountLabel[];
}

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [1_000, 10_000, 100_000];
const folder = await Deno.makeTempDir();
try {
  using kv = await Deno.openKv(`${folder}/bench.sqlite`);
  await using ctx = await openContext({
    kv,
    origin: ORIGIN,
    secret: testSecret(),
    now: Date.now,
    report: say,
  });
  let names = 0;
  for (const size of sizes) {
    for (; names < size; names += BATCH) await fillWith(ctx, names);
    await measure(ctx, size);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Commits one epoch of nobody's names. */
async function fillWith(ctx: OpenContext, first: number): Promise<void> {
  const read = await readHead(ctx);
  const pool = syntheticPool(first, BATCH);
  const step = await batchStep(ctx, read!, pool, Date.now(), ctx.prefixCache);
  if (await commit(ctx.kv, [step.check], step.mutations) !== "committed") throw new Error("lost");
  keepPrefix(ctx.prefixCache, step.prefix);
}

async function measure(ctx: OpenContext, size: number): Promise<void> {
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, (_, i) => newAccount(`p${size}x${i}`, { origin: ORIGIN })),
  );
  for (const { label, record } of people) await register(ctx, label, record, null);
  const labels = people.map(({ label }) => label);
  const nobody = labels.map((label) => parseAccountLabel(`no.${label}`));
  for (
    const kind of [
      { name: "first contact", known: false, labels },
      { name: "pinned contact", known: true, labels },
      { name: "absent name", known: false, labels: nobody },
    ]
  ) say(await line(ctx, size, kind));
}

async function line(ctx: OpenContext, size: number, kind: Kind): Promise<string> {
  const [bytes, buildMs, verifyMs]: [number[], number[], number[]] = [[], [], []];
  for (const label of kind.labels) {
    const known = kind.known ? await knownOf(ctx, label) : null;
    const query = { known: known?.record.version ?? null, through: null };
    let started = performance.now();
    const answer = await lookup(ctx, label, null, query);
    buildMs.push(performance.now() - started);
    bytes.push(answer.proof.length);
    started = performance.now();
    await verify(ctx, label, answer, known);
    verifyMs.push(performance.now() - started);
  }
  const [b, t, v] = [bytes, buildMs, verifyMs].map(median) as [number, number, number];
  return `${size} names, ${kind.name}: ${b} bytes, built in ${t.toFixed(2)} ms, ` +
    `verified in ${v.toFixed(2)} ms (medians of ${kind.labels.length})`;
}

async function knownOf(ctx: OpenContext, label: AccountLabel): Promise<KnownRecord> {
  const result = await verify(ctx, label, await lookup(ctx, label, null), null);
  if (result.kind !== "present") throw new Error("bug: a name that was registered is not there");
  return result.current;
}

function verify(
  ctx: OpenContext,
  label: AccountLabel,
  answer: LookupAnswer,
  known: KnownRecord | null,
): Promise<LookupResult> {
  const state = { ...FIRST_CONTACT, known, pages: new Map() };
  return verifyLookup(identityOf(ctx), label, answer, state);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
