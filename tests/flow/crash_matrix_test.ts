import assert from "node:assert/strict";
import { type OpenContext } from "../../core/context.ts";
import { ServiceError } from "../../core/error.ts";
import { auditLog } from "../../core/log_audit.ts";
import { register } from "../../core/registration.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { type LookupAnswer } from "../../crypto/lookup.ts";
import { leafHash, rootOf } from "../../crypto/tree.ts";
import { listEntries } from "../../kv/entries.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { readFrozen } from "../../kv/frozen.ts";
import { readPublished } from "../../kv/published.ts";
import { StoreError } from "../../kv/store_error.ts";
import { believed } from "../support/believer.ts";
import { type Mortal, mortal } from "../support/faulty_kv.ts";
import { follow, newDevice, verifyGenesis } from "../support/records.ts";
import { identityOf, newAccount, type TestAccount } from "../support/service_core.ts";
import { startWitness, type TestWitness } from "../support/test_witness.ts";
import { headIn, logKeysOf, openWitnessed } from "../support/witnessed.ts";

const SEEDS = Number(Deno.env.get("CRASH_SEEDS") ?? "100");

/** One person's records, each following on the one before. */
interface Person {
  readonly account: TestAccount;
  readonly records: readonly Bytes[];
}

/** A record that was acknowledged, with the answer that says so. */
interface Acknowledged {
  readonly person: Person;
  readonly version: number;
  readonly answer: LookupAnswer;
}

/** Numbers that a seed decides (mulberry32). */
function dice(seed: number): (below: number) => number {
  let state = seed * 0x9e3779b9 >>> 0;
  return (below) => {
    state = state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** People who were made before, because what they sign is the slow part. */
async function newPerson(origin: string, name: string, versions: number): Promise<Person> {
  const account = await newAccount(name, { origin });
  const records = [account.record];
  if (versions > 1) {
    const genesis = await verifyGenesis(account.id, account.record);
    const second = await newDevice(account.id, 2);
    const signing = account.keys.signing;
    records.push(
      await follow(genesis, "update", [...genesis.devices, second], [
        { role: "self", signing },
        { role: "previous", signing },
      ]),
    );
  }
  return { account, records };
}

/** One log, its store and its witnesses. */
interface World {
  readonly origin: string;
  readonly kv: Deno.Kv;
  readonly witnesses: readonly TestWitness[];
  readonly people: readonly Person[];
  readonly acknowledged: Acknowledged[];
}

function open({ origin, witnesses }: World, process: Mortal): Promise<OpenContext> {
  return openWitnessed(process.kv, {
    origin,
    witnesses,
    threshold: 2,
    intervalMs: 5,
    heartbeatMs: 40,
    patienceMs: 5_000,
    timeoutMs: 1_000,
    graceMs: 5,
    fetch: process.fetch,
  });
}

/** Brings a person's records one after the other, as a client does who tries again. */
async function bring(it: World, ctx: OpenContext, person: Person): Promise<void> {
  const { account: { label }, records } = person;
  for (const [version, record] of records.entries()) {
    for (;;) {
      try {
        const answer = await register(ctx, label, record, null);
        it.acknowledged.push({ person, version, answer });
        break;
      } catch (error) {
        const isLate = error instanceof StoreError ||
          error instanceof ServiceError && error.code === "unavailable";
        const frozen = ctx.publisher.frozen();
        if (frozen !== null) throw new Error(frozen.reason, { cause: error });
        if (!isLate) throw error;
      }
    }
  }
}

/** Runs a process on the log until it is done, or dies. */
async function life(it: World, diesAt: number): Promise<number> {
  const process = mortal(it.kv, diesAt);
  const living = (async () => {
    const ctx = await open(it, process);
    await Promise.all(it.people.map((person) => bring(it, ctx, person)));
    await ctx.close();
  })();
  // What a dead process still believes is nobody's concern.
  living.catch(() => {});
  await Promise.race([living, process.died]);
  return process.steps();
}

/** The roots of all trees that the log ever was, by size. */
async function rootsOf(log: LogStore): Promise<Bytes[]> {
  const leaves: Bytes[] = [];
  for await (const { entry } of listEntries(log)) leaves.push(leafHash(entry));
  return Array.from({ length: leaves.length + 1 }, (_, size) => rootOf(leaves.slice(0, size)));
}

async function check(it: World): Promise<void> {
  const { kv, origin } = it;
  const log = { kv, origin };
  const { names, pending, faults } = await auditLog(log);
  assert.deepEqual(faults, []);
  assert.deepEqual({ names, pending }, { names: it.people.length, pending: 0 });
  assert.equal(await readFrozen(log), null);

  // Whatever was signed, published or not, is a head of this one history.
  const roots = await rootsOf(log);
  const published = (await readPublished(log))!.value;
  for (const witness of it.witnesses) {
    for (const body of witness.asked) {
      if (!body.includes(`\n${origin}\n`)) continue;
      const { size, root } = await headIn(body, origin);
      assert.deepEqual(root, roots[size], `the head of size ${size}`);
      assert.ok(size <= published.size);
    }
  }
  // Whoever was told so, in whichever life, finds the record under a head that continues theirs.
  await using ctx = await open(it, mortal(kv, Infinity));
  const identity = { ...identityOf(ctx), policy: ctx.policy };
  for (const person of it.people) {
    const { account: { label }, records } = person;
    let largest: SignedCheckpoint | null = null;
    for (const { version, answer } of it.acknowledged.filter((one) => one.person === person)) {
      const { record, head } = await believed(identity, label, answer);
      assert.deepEqual(head.root, roots[head.size]);
      assert.ok(record.version >= version);
      if (head.size > (largest?.size ?? 0)) largest = head;
    }
    const last = records.at(-1)!;
    const again = await register(ctx, label, last, largest?.size ?? null);
    assert.deepEqual((await believed(identity, label, again, largest)).record.bytes, last);
  }
}

async function world(
  origin: string,
  witnesses: readonly TestWitness[],
  roll: (below: number) => number,
): Promise<World> {
  const people = await Promise.all(
    Array.from({ length: 2 + roll(5) }, (_, i) => newPerson(origin, `p${i}`, 1 + roll(2))),
  );
  const kv = await Deno.openKv(":memory:");
  return { origin, kv, witnesses, people, acknowledged: [] };
}

Deno.test(`a process that dies between any two steps loses nothing, ${SEEDS} times`, async () => {
  const origins = Array.from({ length: SEEDS }, (_, seed) => `seed${seed}.invalid/kt/1`);
  const logKeys = (await Promise.all(origins.map((origin) => logKeysOf(origin)))).flat();
  await using one = await startWitness("one", { logKeys });
  await using two = await startWitness("two", { logKeys });
  let deaths = 0;
  let told = 0;
  for (const [seed, origin] of origins.entries()) {
    const roll = dice(seed + 1);
    const it = await world(origin, [one, two], roll);
    try {
      // Steps to a first record are some 120; later lives are shorter, to die while they start.
      for (const below of [400, 150, 60].slice(0, 1 + roll(3))) {
        const diesAt = 1 + roll(below);
        // Sometimes beside another instance, which lives a little longer.
        const beside = roll(4) === 0 ? [life(it, diesAt + roll(below))] : [];
        const [steps] = await Promise.all([life(it, diesAt), ...beside]);
        if (steps! >= diesAt) deaths++;
      }
      const { length } = it.acknowledged;
      told += length;
      await life(it, Infinity);
      it.acknowledged.length = length;
      await check(it);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    }
    one.asked.length = 0;
    two.asked.length = 0;
  }
  assert.ok(deaths >= SEEDS * 0.8, `${deaths} deaths`);
  assert.ok(told >= SEEDS / 10, `${told} records were acknowledged by processes that died`);
});
