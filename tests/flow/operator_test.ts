/**
 * What an operator who holds every key of the service can try, and who notices.
 *
 * The operator tampers with the real service's own store and log. Answers that lie about an honest log
 * are attacked where they are checked: `tests/crypto/lookup_test.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { memoryStore } from "../../client/store.ts";
import { type AccountLabel, parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { judgeEvidence } from "../../crypto/evidence.ts";
import { parseEvidence } from "../../crypto/evidence_text.ts";
import { type BoundDevice, decodeRecord, nextRecord, signRecord } from "../../crypto/record.ts";
import { lookup } from "../../core/directory.ts";
import { lookupToWire } from "../../wire/directory.ts";
import { logOf } from "../support/believer.ts";
import { falseEpoch, logAnyway } from "../support/operator.ts";
import { newDevice, self } from "../support/records.ts";
import { refusalOf, refuses } from "../support/refuses.ts";
import { newAccount, openCore, ORIGIN } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { takeover } from "../support/takeover.ts";
import { TestStack } from "../support/test_stack.ts";

const BOB: AccountLabel = parseAccountLabel("bob");
const ACCOUNT = { origin: ORIGIN, label: BOB };

/** What a service makes of the devices of a first record that it reads. */
const SPIES: Record<string, (own: readonly BoundDevice[], spy: BoundDevice) => BoundDevice[]> = {
  "its own device beside hers": (own, spy) => [...own, spy],
  "its own device before hers": (own, spy) => [spy, ...own],
  "its own device alone": (_, spy) => [spy],
};

/** What the service answers with to whoever brought a record, from what the log has. */
async function answerTo(play: Stage, label: AccountLabel, body: string): Promise<unknown> {
  await using core = await openCore(play.kv);
  return lookupToWire(await lookup(core, label, JSON.parse(body).from ?? null));
}

/** The codes of what a client finds out about a name or, for null, about the log. */
async function found(client: Client, label: string | null): Promise<string[]> {
  const findings = await client.watchLog();
  return findings.filter((one) => one.label === label).map(({ error }) => error.code);
}

/** What a client's newest evidence comes to. */
async function judged(play: Stage, client: Client): Promise<string> {
  const evidence = parseEvidence((await client.evidence()).at(-1)!);
  return await judgeEvidence(await logOf({ url: play.liar.target }), evidence);
}

Deno.test("a silent key swap is noticed by everybody: the record before did not sign it", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  await play.logAnyway("bob", 1, await takeover(core, BOB, "update"));
  await refuses(play.alice.lookup("bob"), "proof_invalid");
  await refuses(play.carol.lookup("bob"), "proof_invalid");
  await refuses(play.alice.call("bob", new TestStack()), "proof_invalid");
  assert.equal((await found(play.bob, "bob"))[0], "proof_invalid");
});

for (const [what, devicesOf] of Object.entries(SPIES)) {
  Deno.test(`a service that reads a first record and logs another one gets no account: ${what}`, async () => {
    await using play = await stage();
    const erin = parseAccountLabel("erin");
    const account = { origin: ORIGIN, label: erin };
    const spy = await newDevice(account, what === "its own device alone" ? 1 : 2);
    const store = memoryStore();
    const client = await Client.open({ service: play.liar.url, store });
    play.liar.answering = async (path, body) => {
      if (path !== "/v1/directory/erin") return null;
      play.liar.answering = null;
      const sent = decodeRecord(fromBase64Url(JSON.parse(body).record)!);
      const devices = devicesOf(sent.devices, spy);
      const logged = await signRecord(account, { ...sent, devices }, [self(spy)]);
      {
        await using core = await openCore(play.kv);
        await logAnyway(core, erin, 0, logged);
      }
      return await answerTo(play, erin, body);
    };
    await refuses(client.register("erin", "my phone"), "proof_invalid");
    assert.equal(play.liar.answering, null);
    assert.equal(client.label, null);
    // Neither does anybody else believe in such an account, nor she when she asks again.
    if (what !== "its own device alone") {
      await refuses(play.alice.lookup("erin"), "proof_invalid");
    }
    await refuses(client.register("erin"), "name_taken");
    assert.equal(client.label, null);
    client.close();
  });
}

Deno.test("a service with a stolen device copies the new one into an update instead, and is refused", async () => {
  await using play = await stage();
  const code = await play.bob.newRecoveryCode();
  await play.bob.setRecoveryKey(code);
  const stolen = await play.storeOf("bob", "account") as { readonly signing: CryptoKey };
  const fresh = await Client.open({ service: play.liar.url, store: memoryStore() });
  const forged: Bytes[] = [];
  play.liar.answering = async (path, body) => {
    const { record } = path === "/v1/directory/bob" ? JSON.parse(body) : {};
    const sent = record === undefined ? null : decodeRecord(fromBase64Url(record)!);
    if (sent?.kind !== "recover") return null;
    if (forged.length === 0) {
      await using core = await openCore(play.kv);
      const before = (await core.accounts.record(BOB))!;
      const thief = {
        publicKey: before.devices[0]!.entry.signing,
        privateKey: stolen.signing,
      };
      // Bob's new device agreed to its entry, wherever that stands.
      const devices = [...before.devices, ...sent.devices];
      const update = nextRecord(before, { kind: "update", devices, issuedMs: Date.now() });
      forged.push(
        await signRecord(ACCOUNT, update, [
          { role: "self", signing: thief },
          { role: "previous", signing: thief },
        ]),
      );
      await play.logAnyway("bob", 2, forged[0]!);
    }
    return await answerTo(play, BOB, body);
  };
  await refuses(fresh.recover("bob", "new", code), "proof_invalid");
  assert.equal(fresh.label, null);
  play.liar.answering = null;
  // With an honest answer he recovers, and the thief is out.
  await fresh.recover("bob", "new", code);
  assert.deepEqual(fresh.devices().map(({ id, name }) => [id, name]), [[4, "new"]]);
  fresh.close();
});

Deno.test("a reset is never silent: who knew the person waits or confirms, and its owner is told", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  await play.logAnyway("bob", 1, await takeover(core, BOB, "reset"));
  const { identity } = await refusalOf(play.alice.lookup("bob"), "identity_changed");
  await refuses(play.alice.call("bob", new TestStack()), "identity_changed");
  assert.equal((await found(play.bob, "bob"))[0], "account_reset");
  // Carol meets Bob's name for the first time: she sees an identity that is new to her.
  assert.equal((await play.carol.lookup("bob")).isNew, true);
  await refuses(play.alice.confirmIdentity("carol", identity!), "unknown_name");
  await refuses(play.alice.confirmIdentity("bob", "no identity"), "bad_option");
  await play.alice.confirmIdentity("bob", identity!);
  const { isNew, changes } = await play.alice.lookup("bob");
  assert.deepEqual([isNew, changes], [false, ["reset"]], "she asked Bob, and believes it");
});

Deno.test("a reset that nobody objects to is believed after 72 hours, and not a minute before", async () => {
  await using play = await stage();
  let aheadMs = 0;
  const alice = await play.reopen("alice", { now: () => Date.now() + aheadMs });
  await alice.lookup("bob");
  await using core = await openCore(play.kv);
  await play.logAnyway("bob", 1, await takeover(core, BOB, "reset"));
  await refuses(alice.lookup("bob"), "identity_changed");
  // The service's clock goes along: it takes no sign-in from another day.
  const wait = (ms: number) => {
    aheadMs += ms;
    play.advance(ms);
  };
  wait(72 * 3_600_000 - 60_000);
  await refuses(alice.lookup("bob"), "identity_changed");
  wait(60_000);
  const { isNew, changes } = await alice.lookup("bob");
  assert.deepEqual([isNew, changes], [false, ["reset"]], "and told so when it is");
});

Deno.test("a commitment that is rewritten within one epoch is noticed by whoever saw the old one, and by auditors", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  await falseEpoch(core, BOB, (await newAccount("bob")).record);
  await refuses(play.alice.lookup("bob"), "proof_invalid");
  assert.equal(
    (await found(play.bob, "bob"))[0],
    "name_taken",
    "his own name is said to be not his",
  );
  // Carol sees the new one only. But no transition leads to it: the service can't show the epoch.
  let aheadMs = 0;
  const carol = await play.reopen("carol", { now: () => Date.now() + aheadMs });
  await carol.lookup("bob");
  for (let looks = 0; looks < 20; looks++) await found(carol, null);
  aheadMs += 3_600_000;
  play.advance(3_600_000);
  await noticesEpoch(carol);
});

Deno.test("a ROOT that is not the function of its BATCHes convicts the log", async () => {
  await using play = await stage();
  await using core = await openCore(play.kv);
  const dave = await newAccount("dave");
  const prefixRoot = new Uint8Array(32).fill(1);
  await falseEpoch(core, dave.label, dave.record, { prefixRoot });
  await noticesEpoch(play.carol);
  assert.equal(await judged(play, play.carol), "falsified");
});

Deno.test("a back-dated ROOT convicts the log", async () => {
  await using play = await stage();
  await using core = await openCore(play.kv);
  const dave = await newAccount("dave");
  await falseEpoch(core, dave.label, dave.record, { timestampMs: Date.now() - 3_600_000 });
  await noticesEpoch(play.carol);
  assert.equal(await judged(play, play.carol), "falsified");
});

/** Somebody who audits epochs at random comes to the false one, for an hour at most. */
async function noticesEpoch(client: Client): Promise<void> {
  for (let looks = 0; looks < 60; looks++) {
    if ((await found(client, null)).includes("epoch_invalid")) return;
  }
  assert.fail("nobody noticed the false epoch");
}
