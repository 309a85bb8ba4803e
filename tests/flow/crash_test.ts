import assert from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { type LogIdentity } from "../../crypto/head.ts";
import { auditLog, type LogAudit } from "../../core/log_audit.ts";
import { register } from "../../core/registration.ts";
import { readHead } from "../../kv/head.ts";
import { refusalOf } from "../../routes/problem.ts";
import { lookupFromWire } from "../../wire/directory.ts";
import { believed, logOf } from "../support/believer.ts";
import { type ChildService, startChild } from "../support/child_service.ts";
import { credentials, sendJson, tokenOf } from "../support/dpop.ts";
import { type Fault, faultyKv } from "../support/faulty_kv.ts";
import { type TestService } from "../support/service.ts";
import {
  newAccount,
  openCore,
  ORIGIN,
  type TestAccount,
  verified,
} from "../support/service_core.ts";

/** What a client remembers of a log. */
interface Follower {
  readonly log: LogIdentity;
  head: SignedCheckpoint | null;
}

async function follow(service: TestService): Promise<Follower> {
  return { log: await logOf(service), head: null };
}

/** Checks that an answer is about this very record, in a log that continues the one known. */
async function believe(follower: Follower, who: TestAccount, body: unknown): Promise<void> {
  const answer = lookupFromWire(body);
  const { record, head } = await believed(follower.log, who.label, answer, follower.head);
  assert.deepEqual(record.bytes, who.record);
  follower.head = head;
}

/** Registers without knowing a head; the answer, or null where the connection broke. */
async function put(service: TestService, who: TestAccount): Promise<unknown | null> {
  const body = { record: toBase64Url(who.record) };
  try {
    const response = await sendJson(service, "PUT", `/v1/directory/${who.label}`, body);
    const answer = await response.json();
    return response.ok ? answer : null;
  } catch {
    return null;
  }
}

async function fsck(path: string): Promise<{ code: number; said: string }> {
  const tool = new URL("../../cli/countersign.ts", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-write", tool, "fsck", path],
  }).output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("a service killed amid 200 registrations keeps every name it acknowledged", async () => {
  const data = await Deno.makeTempDir();
  const store = `${data}/countersign.sqlite`;
  let service: ChildService | null = null;
  try {
    const people = await Promise.all(
      Array.from({ length: 200 }, (_, i) => newAccount(`person${i}`)),
    );
    service = await startChild(data, ORIGIN);
    const follower = await follow(service);
    let waiting: readonly TestAccount[] = people;
    for (const killAfter of [1, 100]) {
      const running: ChildService = service;
      const acknowledged: { who: TestAccount; body: unknown }[] = [];
      await Promise.all(waiting.map(async (who) => {
        const body = await put(running, who);
        if (body === null) return;
        acknowledged.push({ who, body });
        if (acknowledged.length === killAfter) await running.kill();
      }));
      assert.ok(acknowledged.length >= killAfter, `${acknowledged.length} were acknowledged`);
      assert.ok(acknowledged.length < waiting.length, "nobody was under way when it died");
      // In the order of their heads, so that each continues the one before.
      const known: Follower = { log: follower.log, head: null };
      for (const { who, body } of acknowledged) {
        known.head = null;
        await believe(known, who, body);
        if (known.head!.size > (follower.head?.size ?? 0)) follower.head = known.head;
      }
      const { code, said } = await fsck(store);
      assert.equal(code, 0, said);
      service = await startChild(data, ORIGIN);
      const asker = acknowledged[0]!.who;
      const token = await tokenOf(service, asker);
      for (const { who } of acknowledged) {
        const path = `/v1/directory/${who.label}/proof`;
        const headers = await credentials(service, asker, token, "GET", path);
        const response = await fetch(`${service.url}${path}?from=${follower.head!.size}`, {
          headers,
        });
        await believe(follower, who, await response.json());
      }
      waiting = waiting.filter((one) => !acknowledged.some(({ who }) => who === one));
    }
    for (const who of waiting) {
      const answer = await put(service, who);
      const known: Follower = { log: follower.log, head: null };
      await believe(known, who, answer);
    }
    const busy = await fsck(store);
    assert.equal(busy.code, 2, "a store in use is not audited");
    await service.close();
    const { code, said } = await fsck(store);
    assert.equal(code, 0, said);
    assert.match(said, /200 names, 0 pending, 0 faults/);
  } finally {
    await service?.kill();
    await Deno.remove(data, { recursive: true });
  }
});

/** Registers three people on a store that fails at one commit, as clients do who try again. */
async function withFault(commit: number, fault: Fault): Promise<number> {
  using kv = await Deno.openKv(":memory:");
  const faulty = faultyKv(kv, (n) => n === commit ? fault : null);
  const people = await Promise.all(["a", "b", "c"].map((name) => newAccount(name)));
  await using ctx = await openCore(faulty.kv);
  const heads: number[] = [];
  for (const round of [people.slice(0, 2), people]) {
    await Promise.all(round.map(async ({ label, record }) => {
      for (;;) {
        try {
          const { head } = await verified(ctx, label, await register(ctx, label, record, null));
          heads.push(head.size);
          return;
        } catch (error) {
          if (refusalOf(error, () => {}).code !== "unavailable") throw error;
        }
      }
    }));
  }
  const { names, pending, faults }: LogAudit = await auditLog({ kv, origin: ORIGIN });
  assert.deepEqual({ names, pending, faults }, { names: 3, pending: 0, faults: [] });
  assert.equal(Math.max(...heads), (await readHead(ctx))!.value.size);
  return faulty.commits();
}

Deno.test("a fault at any one commit loses nothing and doubles nothing", async () => {
  const commits = await withFault(0, null);
  assert.ok(commits >= 8, `${commits} commits`);
  for (let commit = 1; commit <= commits + 1; commit++) {
    await withFault(commit, "before");
    await withFault(commit, "after");
  }
});

/** Where a process dies: at one commit, after which its store takes and says nothing. */
async function dyingAt(commit: number, landed: boolean): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const people = await Promise.all(["a", "b", "c"].map((name) => newAccount(name)));
  const acknowledged: TestAccount[] = [];
  let largest = 0;
  const faulty = faultyKv(
    kv,
    (n) => n < commit ? null : n === commit && landed ? "after" : "before",
  );
  try {
    await using ctx = await openCore(faulty.kv);
    for (const person of people) {
      const answer = await register(ctx, person.label, person.record, null);
      largest = (await verified(ctx, person.label, answer)).head.size;
      acknowledged.push(person);
    }
  } catch {
    // It is dead.
  }
  await using ctx = await openCore(kv);
  await ctx.sequencer.settled();
  assert.deepEqual((await auditLog(ctx)).faults, []);
  for (const { label, record } of acknowledged) {
    assert.ok((await readHead(ctx))!.value.size >= largest);
    const before = (await auditLog(ctx)).size;
    await verified(ctx, label, await register(ctx, label, record, largest));
    assert.equal(
      (await auditLog(ctx)).size,
      before,
      "an acknowledged name was not registered anew",
    );
  }
  for (const { label, record } of people) {
    await verified(ctx, label, await register(ctx, label, record, null));
  }
}

Deno.test("a process that dies at any commit leaves a store that the next one goes on with", async () => {
  for (let commit = 1; commit <= 12; commit++) {
    await dyingAt(commit, false);
    await dyingAt(commit, true);
  }
});
