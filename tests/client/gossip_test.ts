import assert from "node:assert/strict";
import { type Account } from "../../client/account.ts";
import { Gossip } from "../../client/gossip.ts";
import { Http } from "../../client/http.ts";
import { pinnedPolicy } from "../../client/known_log.ts";
import { memoryStore } from "../../client/store.ts";
import { Trust } from "../../client/trust.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { remoteDevice } from "../../crypto/bundle.ts";
import { type NoteSignature, parseNote } from "../../crypto/note.ts";
import { formatPolicy } from "../../crypto/policy_text.ts";
import { parseTlogProof } from "../../crypto/proof.ts";
import { lookup } from "../../core/directory.ts";
import { register } from "../../core/registration.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { copyStore } from "../support/fork.ts";
import { startLiar } from "../support/liar.ts";
import { refuses } from "../support/refuses.ts";
import { startService } from "../support/service.ts";
import {
  newAccount,
  openCore,
  ORIGIN,
  type TestAccount,
  testSecret,
  verified,
} from "../support/service_core.ts";

/** Both of the log's keys, as a policy. */
async function bothKeys(): Promise<string> {
  const { logKeys } = await deriveServiceKeys(testSecret(), ORIGIN, true);
  return formatPolicy({ logs: logKeys, witnesses: [], groups: [], quorum: null });
}

function signaturesOf(note: string): readonly NoteSignature[] {
  return parseNote(note).signatures;
}

Deno.test("what is said of the log has one signature, the log's shortest", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv, isPostQuantum: true });
  const alice = await newAccount("alice");
  let account: Account;
  {
    await using core = await openCore(kv);
    const { record } = await verified(
      core,
      alice.label,
      await register(core, alice.label, alice.record, null),
    );
    account = {
      label: alice.label,
      record,
      self: { ...remoteDevice(record, 1), keys: alice.keys },
    };
  }
  // Another record, so that the newest head is one that this service signed, with both keys.
  const http = new Http(service.url, Date.now);
  const bob = await newAccount("bob");
  await http.open("PUT", "/v1/directory/bob", {
    record: toBase64Url(bob.record),
  });
  const store = memoryStore();
  const pinned = await pinnedPolicy({ policy: await bothKeys() });
  const trust = await Trust.open(http, store, Date.now, pinned);
  assert.equal((await trust.heads.trusted()).note.signatures.length, 2, "the log signs twice");
  const gossip = new Gossip(http, trust);
  await gossip.prepare(account, { label: alice.label, signing: alice.keys.signing });
  const { head, proof } = await gossip.say(account);
  for (const note of [head, parseTlogProof(proof).checkpoint]) {
    assert.deepEqual(signaturesOf(note).map(({ signature }) => signature.length), [64]);
  }
  http.close();
});

Deno.test("a person who proves another record than the service shows of them is not that person", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv });
  const liar = startLiar();
  liar.target = service.url;
  const http = new Http(liar.url, Date.now);
  try {
    const [dave, erin] = await Promise.all(["dave", "erin"].map((name) => newAccount(name)));
    const other = await newAccount("dave");
    const copy = await copyStore(kv);
    const proof = await proofOf(copy, [other, erin!]);
    const honest = await proofOf(kv, [dave!]);
    const store = memoryStore();
    const trust = await Trust.open(http, store, Date.now, null);
    // The heads alone would convict, but the service does not explain them now.
    liar.refusing = (path) => path === "/log/consistency";
    const gossip = new Gossip(http, trust);
    await using core = await openCore(kv);
    const { record } = await verified(core, dave!.label, await lookup(core, dave!.label, null));
    await gossip.hear(record, { head: "", proof: honest }, assert.fail);
    await refuses(gossip.hear(record, { head: "", proof }, assert.fail), "identity_changed");
    copy.close();
  } finally {
    http.close();
    await liar.close();
  }
});

/** Registers people in a store; the proof of the first one's name. */
async function proofOf(kv: Deno.Kv, people: readonly TestAccount[]): Promise<string> {
  await using core = await openCore(kv);
  for (const { label, record } of people) await register(core, label, record, null);
  return (await lookup(core, people[0]!.label, null)).proof;
}
