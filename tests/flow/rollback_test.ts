import assert from "node:assert/strict";
import { backup, DatabaseSync } from "node:sqlite";
import { countersign } from "../cli/cli_process.ts";
import { openLogSource } from "../../core/log_source.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { openCheckpoint, type SignedCheckpoint } from "../../crypto/checkpoint.ts";
import { type LogPolicy, policyVerifiers } from "../../crypto/policy.ts";
import { formatPolicy } from "../../crypto/policy_text.ts";
import { createStoreFile } from "../../kv/store_file.ts";
import { lookupFromWire } from "../../wire/directory.ts";
import { believed, logOf } from "../support/believer.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, ORIGIN, type TestAccount } from "../support/service_core.ts";
import { policyOfWitnesses, startWitness } from "../support/test_witness.ts";
import { headsSent, logKeysOf } from "../support/witnessed.ts";

/** The newest head of a service, which its witnesses must have cosigned. */
async function headOf(service: TestService, policy: LogPolicy): Promise<SignedCheckpoint> {
  const response = await fetch(`${service.url}/log/checkpoint`);
  assert.equal(response.status, 200);
  return await openCheckpoint(await response.text(), ORIGIN, policyVerifiers(policy));
}

/** Brings a record; the code of the answer, or null where it was taken. */
async function bring(service: TestService, who: TestAccount): Promise<string | null> {
  const body = { record: toBase64Url(who.record) };
  const response = await sendJson(service, "PUT", `/v1/directory/${who.label}`, body);
  const answer = await response.json();
  return response.ok ? null : answer.code;
}

/** What a service proves about somebody, asked by somebody else. */
async function proved(
  service: TestService,
  asker: TestAccount,
  about: TestAccount,
  trusted: SignedCheckpoint,
): Promise<Bytes | string> {
  const path = `/v1/directory/${about.label}/proof`;
  const headers = await credentials(service, asker, await tokenOf(service, asker), "GET", path);
  const response = await fetch(`${service.url}${path}?from=${trusted.size}`, { headers });
  const body = await response.json();
  if (!response.ok) return body.code;
  const answer = lookupFromWire(body);
  const { record } = await believed(await logOf(service), about.label, answer, trusted);
  return record.bytes;
}

Deno.test("a service that is started on an old copy of its store freezes, and its auditor's mirror brings it back", async () => {
  const folder = await Deno.makeTempDir();
  const store = `${folder}/countersign.sqlite`;
  const logKeys = await logKeysOf();
  let url = "";
  const source = openLogSource("http://log.invalid/log", {
    fetch: (input, init) => fetch(String(input).replace("http://log.invalid", url), init),
  });
  await using witness = await startWitness("w", { logKeys });
  await using auditor = await startWitness("a", { logKeys, source });
  const policy: LogPolicy = { ...policyOfWitnesses([witness, auditor], 2), logs: logKeys };
  async function start(): Promise<TestService> {
    await createStoreFile(store);
    const kv = await Deno.openKv(store);
    const witnesses = { policy, auditors: ["a"], intervalMs: 10, heartbeatMs: 600_000 };
    const service = await startService({ kv, witnesses });
    url = service.url;
    return service;
  }
  try {
    const first = await start();
    // The auditor can read the log only now that it is served.
    for (let i = 0; i < 100; i++) {
      const response = await fetch(`${first.url}/log/checkpoint`);
      await response.body?.cancel();
      if (response.ok) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const alice = await registered(first, "alice");
    // A backup while it runs, as the manual says.
    using database = new DatabaseSync(store);
    await backup(database, `${folder}/backup.sqlite`);
    const old = await headOf(first, policy);
    const carol = await registered(first, "carol");
    const newest = await headOf(first, policy);
    assert.deepEqual([old.size, newest.size], [3, 5]);
    await first.close();

    for (const end of ["", "-wal", "-shm"]) {
      await Deno.remove(store + end).catch(() => {});
    }
    await Deno.copyFile(`${folder}/backup.sqlite`, store);
    const asked = witness.asked.length;
    for (let starts = 0; starts < 2; starts++) {
      const second = await start();
      const ready = await fetch(`${second.url}/readyz`);
      const { code, title } = await ready.json();
      assert.deepEqual([ready.status, code], [503, "log_frozen"]);
      assert.match(title, /^The log is frozen: Witness [aw] has size 5, above 3 .*shows it/);
      assert.match(second.faults.join("\n"), /The log is frozen/);
      assert.equal(await bring(second, await newAccount("dave")), "log_frozen");
      assert.deepEqual((await headOf(second, policy)).note.text, old.note.text, "reads go on");
      assert.deepEqual(await proved(second, alice, alice, old), alice.record);
      await second.close();
    }
    for (const { size } of (await headsSent(witness)).slice(asked)) assert.equal(size, 3);

    const recover = (...args: string[]) =>
      countersign("recover", "--store", store, "--from", auditor.inPolicy.url!, ...args);
    const policyFile = `${folder}/policy`;
    await Deno.writeTextFile(policyFile, formatPolicy(policy));
    const { code, out, err } = await recover("--policy", policyFile);
    assert.equal(code, 0, err);
    assert.match(out, /The log has 5 entries, of which the store had 3; /);
    assert.match(out, /1 records were lost with the store/);
    const wanting = await countersign("fsck", store);
    assert.equal(wanting.code, 0, wanting.out + wanting.err);
    assert.match(wanting.out, /1 records were lost before the log was recovered/);

    const third = await start();
    const ready = await fetch(`${third.url}/readyz`);
    assert.deepEqual([ready.status, await ready.json()], [200, { status: "ok" }]);
    // Those who trusted the newest head find it continued, and their own names in it.
    assert.deepEqual(await proved(third, alice, alice, newest), alice.record);
    assert.equal(await proved(third, alice, carol, newest), "record_lost");
    assert.equal(await bring(third, carol), null);
    assert.deepEqual(await proved(third, alice, carol, newest), carol.record);
    assert.equal((await headOf(third, policy)).size, 5, "it was in the log all the time");
    const dave = await registered(third, "dave");
    assert.deepEqual(await proved(third, carol, dave, newest), dave.record);
    assert.deepEqual(third.faults, []);
    await third.close();
    const fsck = await countersign("fsck", store);
    assert.equal(fsck.code, 0, fsck.out + fsck.err);
    assert.match(fsck.out, /7 entries, 7 published .* 3 names, 0 pending, 0 faults\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
