/**
 * What an owner can do with a name: take it under a policy, get it back when every device is lost, take
 * it back from a thief, and end it. Answers are lost in the middle of each.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type ClientOptions } from "../../client/options.ts";
import { type Authorize } from "../../client/authorization.ts";
import { fileStore } from "../../client/store_file.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { decodeRecord, type IdentityRecord, recordHash, signRecord } from "../../crypto/record.ts";
import { parseRecordAuth } from "../../crypto/record_auth.ts";
import { readCovered } from "../../kv/records.ts";
import { readPublished } from "../../kv/published.ts";
import { startIssuer, type TestIssuer } from "../support/issuer.ts";
import { type Liar, startLiar } from "../support/liar.ts";
import { read } from "../support/raw_store.ts";
import { newDevice } from "../support/records.ts";
import { refusalOf, refuses } from "../support/refuses.ts";
import { linked } from "../support/second_device.ts";
import { startService, type TestService } from "../support/service.ts";
import { ORIGIN } from "../support/service_core.ts";

const HOUR_MS = 3_600_000;

/** A service under a name policy, a proxy in front of it, an issuer, and a clock that all share. */
interface Scene extends AsyncDisposable {
  readonly issuer: TestIssuer;
  readonly liar: Liar;
  readonly service: TestService;
  /** Opens a client; it is closed with the scene. */
  open(options?: Partial<ClientOptions>): Promise<Client>;
  /** The newest record that the log has of a name. */
  recordOf(name: string): Promise<IdentityRecord>;
  /** Its bytes. */
  bytesOf(name: string): Promise<Bytes>;
  /** Turns everybody's clock. */
  wait(ms: number): void;
  /**
   * Loses the answers of a path while `work` goes on: the service gets what is asked, and the client hears
   * an error.
   *
   * @param shown how many answers come through before
   */
  losing(path: string, work: () => Promise<unknown>, shown?: number): Promise<void>;
}

async function scene(policyOf: (issuer: TestIssuer) => NamePolicy | undefined): Promise<Scene> {
  const issuer = await startIssuer();
  const liar = startLiar();
  const kv = await Deno.openKv(":memory:");
  const service = await startService({ kv, publicOrigin: liar.url, names: policyOf(issuer) });
  liar.target = service.url;
  const clients: Client[] = [];
  async function bytesOf(name: string): Promise<Bytes> {
    const log = { kv, origin: ORIGIN };
    const { size } = (await readPublished(log))!.value;
    return (await readCovered(log, parseAccountLabel(name), size))!.record;
  }
  return {
    issuer,
    liar,
    service,
    async open(options = {}) {
      const all = { service: liar.url, store: memoryStore(), now: service.now, ...options };
      const client = await Client.open(all);
      clients.push(client);
      return client;
    },
    recordOf: async (name) => decodeRecord(await bytesOf(name)),
    bytesOf,
    wait: (ms) => service.advance(ms),
    async losing(path, work, shown = 0) {
      liar.answerLie = (asked, value) => {
        if (asked !== path || shown-- > 0) return value;
        // Also a refusal is lost.
        liar.nextStatus = 503;
        return {};
      };
      await refuses(work(), "unavailable");
      liar.answerLie = null;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await liar.close();
      await service.close();
      await issuer[Symbol.asyncDispose]();
    },
  };
}

const granting = (issuer: TestIssuer): NamePolicy => issuer.granting;
const identifying = (issuer: TestIssuer): NamePolicy => issuer.identifying;
const open = (): undefined => undefined;

/** A client with a granted name. */
async function granted(
  { issuer, open }: Scene,
  name: string,
  options: Partial<ClientOptions> = {},
): Promise<Client> {
  const client = await open(options);
  await client.register(name, "laptop", { authorization: issuer.grant(name) });
  return client;
}

/** Somebody who knows a name, and keeps looking it up. */
async function witnessOf(play: Scene, name: string): Promise<Client> {
  const carol = await granted(play, "carol");
  await carol.lookup(name);
  return carol;
}

/** Asks for nothing: a test fails where it is called. */
const never: Authorize = () => Promise.reject(new Error("nobody may be asked"));

async function alarmsOf(client: Client): Promise<string[]> {
  return (await client.watchLog()).map(({ label, error }) => `${label} ${error.code}`);
}

Deno.test("a name is registered by a grant, and the record says whose grant it was", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const auth = parseRecordAuth((await play.recordOf("alice")).auth)!;
  assert.deepEqual([auth.method, auth.issuer], ["grant", "https://app.example"]);
  await alice.goOnline();
  const carol = await witnessOf(play, "alice");
  const { isNew, vouchedBy } = await carol.lookup("alice");
  assert.equal(isNew, false);
  assert.deepEqual(vouchedBy, { method: "grant", issuer: "https://app.example" });
});

Deno.test("a name is registered by an ID token that names the device's key as its nonce", async () => {
  await using play = await scene(identifying);
  const alice = await play.open();
  const authorization = play.issuer.idToken("alice@app.example");
  await alice.register("Alice@app.example", "laptop", { authorization });
  assert.equal(alice.label, "alice@app.example");
  assert.equal(parseRecordAuth((await play.recordOf(alice.label!)).auth)!.method, "oidc");
  await alice.goOnline();
});

Deno.test("where names are open nobody is asked for an authorization, and none is reset", async () => {
  await using play = await scene(open);
  const alice = await play.open();
  await alice.register("alice", "laptop", { authorization: never });
  assert.equal((await play.recordOf("alice")).auth.length, 0);
  const bob = await play.open();
  await bob.register("bob");
  assert.equal((await bob.lookup("alice")).vouchedBy, null);
  await refuses((await play.open()).reset("alice", "", never), "refused");
});

Deno.test("a name is refused without an authorization, and before anything of it is sent", async () => {
  await using play = await scene(granting);
  const alice = await play.open();
  await refuses(alice.register("alice"), "authorization_required");
  assert.ok(!play.liar.urls.some((url) => url.includes("/v1/directory/")));
  assert.equal(alice.label, null);
  await alice.register("alice", "", { authorization: play.issuer.grant("alice") });
});

Deno.test("an authorization for another name, another device, or of nobody takes no name", async () => {
  await using play = await scene(granting);
  const { issuer } = play;
  const alice = await play.open();
  const tries: readonly [Authorize, string][] = [
    [issuer.grant("bob"), "refused"],
    [issuer.grant("alice", { cnf: { jkt: "A".repeat(43) } }), "refused"],
    [issuer.grant("alice", { aud: "other.example/kt/1" }), "authorization_required"],
    [issuer.grant("alice", { exp: 1 }), "authorization_required"],
    [issuer.grant("alice", { sub: "" }), "authorization_required"],
    [issuer.grant("alice", { sub: "a".repeat(256) }), "authorization_required"],
    [() => Promise.resolve("word"), "authorization_required"],
    [() => Promise.resolve("a.IltdIg.b"), "authorization_required"],
    [() => Promise.resolve(""), "authorization_required"],
  ];
  for (const [i, [authorization, code]] of tries.entries()) {
    await refuses(alice.register("alice", "", { authorization }), code);
    assert.equal(alice.label, null, `${i}`);
  }
  // All were asked for one device: its keys are kept until it has the name, or another is wanted.
  assert.equal(new Set(issuer.asked.map(({ thumbprint }) => thumbprint)).size, 1);
  await alice.register("alice", "", { authorization: issuer.grant("alice") });
  const second = await play.open();
  await refuses(
    second.register("alice", "", { authorization: issuer.grant("alice") }),
    "name_taken",
  );
});

Deno.test("whom the application sends away to sign in comes back to the same keys", async () => {
  await using play = await scene(identifying);
  const folder = await Deno.makeTempDir();
  const at = `${folder}/store.json`;
  const away = await play.open({ store: await fileStore(at) });
  const noted = Promise.withResolvers<string>();
  // The page is left while the authorization is asked for.
  void away.register("alice@app.example", "laptop", {
    authorization: (binding) => {
      void play.issuer.idToken("alice@app.example")(binding).then(noted.resolve);
      return new Promise(() => {});
    },
  });
  const token = await noted.promise;
  const back = await play.open({ store: await fileStore(at) });
  assert.equal(back.label, null);
  await back.register("alice@app.example", "laptop", {
    authorization: () => Promise.resolve(token),
  });
  const later = await play.open({ store: await fileStore(at) });
  assert.equal(later.label, "alice@app.example");
  await later.goOnline();
  later.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a registration whose answer was lost needs no second authorization", async () => {
  await using play = await scene(granting);
  const store = memoryStore();
  const first = await play.open({ store });
  const authorization = play.issuer.grant("alice");
  await play.losing(
    "/v1/directory/alice",
    () => first.register("alice", "laptop", { authorization }),
  );
  const again = await play.open({ store });
  assert.equal(again.label, null);
  await again.register("alice", "laptop", { authorization: never });
  await again.goOnline();
  assert.equal(play.issuer.asked.length, 1);
});

Deno.test("a registration that never arrived asks again for the same device, however late", async () => {
  await using play = await scene(granting);
  const store = memoryStore();
  const alice = await play.open({ store });
  const authorization = play.issuer.grant("alice");
  play.liar.refusing = (path) => path.startsWith("/v1/directory/");
  await refuses(alice.register("alice", "laptop", { authorization }), "unavailable");
  play.liar.refusing = null;
  play.wait(15 * 60_000);
  const later = await play.open({ store });
  const replaced = { exp: Math.floor(play.service.now() / 1000) + 300 };
  await later.register("alice", "laptop", {
    authorization: play.issuer.grant("alice", replaced),
  });
  const [a, b] = play.issuer.asked;
  assert.deepEqual(a, b);
  await later.goOnline();
});

Deno.test("who lost every device resets the name, and whoever knew them has to agree", async () => {
  await using play = await scene(granting);
  const lost = await granted(play, "alice");
  const carol = await witnessOf(play, "alice");
  const fresh = await play.open();
  await fresh.reset("alice", "new laptop", play.issuer.grant("alice"));
  assert.deepEqual(fresh.devices().map(({ name }) => name), ["new laptop"]);
  await fresh.goOnline();
  const { identity } = await refusalOf(carol.lookup("alice"), "identity_changed");
  await carol.confirmIdentity("alice", identity!);
  assert.equal((await carol.lookup("alice")).isNew, false);
  // For 72 hours the account can't be changed; then it is an account like any.
  await refuses(fresh.rotateKeys(), "reset_pending");
  await refuses(fresh.retire(), "reset_pending");
  play.wait(72 * HOUR_MS);
  await fresh.rotateKeys();
  await refuses(lost.cancelReset(), "refused");
  assert.equal((await play.recordOf("alice")).version, 2);
});

Deno.test("a name that nobody has, or without authorization, is not reset", async () => {
  await using play = await scene(granting);
  const { issuer } = play;
  await granted(play, "alice");
  const thief = await play.open();
  await refuses(thief.reset("alice", "", issuer.grant("bob")), "refused");
  await refuses(
    thief.reset("alice", "", issuer.grant("alice", { exp: 1 })),
    "authorization_required",
  );
  await refuses(thief.reset("nobody", "", issuer.grant("nobody")), "unknown_name");
  assert.equal((await play.recordOf("alice")).version, 0);
});

Deno.test("a reset whose answer was lost is the same reset when it is tried again", async () => {
  await using play = await scene(granting);
  await granted(play, "alice");
  const store = memoryStore();
  const fresh = await play.open({ store });
  const authorization = play.issuer.grant("alice");
  await play.losing("/v1/directory/alice/owner", () => fresh.reset("alice", "", authorization));
  await play.losing("/v1/directory/alice/reset", () => fresh.reset("alice", "", authorization));
  assert.equal((await play.recordOf("alice")).kind, "reset");
  const again = await play.open({ store });
  await again.reset("alice", "", never);
  await again.goOnline();
  assert.equal((await play.recordOf("alice")).version, 1);
});

Deno.test("a thief's reset is found by the old device, cancelled in time, and nobody saw a change", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  await alice.goOnline();
  const carol = await witnessOf(play, "alice");
  await carol.goOnline();
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  const before = await play.recordOf("alice");
  assert.deepEqual((await alarmsOf(alice))[0], "alice account_reset");
  play.wait(71 * HOUR_MS);
  await alice.cancelReset();
  const after = await play.recordOf("alice");
  assert.deepEqual([before.kind, after.kind], ["reset", "cancel"]);
  assert.deepEqual(await alarmsOf(alice), []);
  assert.equal((await carol.lookup("alice")).isNew, false);
  assert.deepEqual(await alarmsOf(carol), []);
  alice.goOffline();
  await alice.goOnline();
  // The thief has nothing, and is shown so.
  await refuses(thief.goOnline(), "device_removed");
  await refuses(thief.rotateKeys(), "device_removed");
  // The account goes on as if nothing had been.
  await alice.rotateKeys();
  await carol.lookup("alice");
});

Deno.test("a reset that was cancelled can be asked for again, with other keys", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const store = memoryStore();
  const fresh = await play.open({ store });
  const authorization = play.issuer.grant("alice");
  await play.losing("/v1/directory/alice/reset", () => fresh.reset("alice", "", authorization));
  await alice.cancelReset();
  const again = await play.open({ store });
  await again.reset("alice", "", authorization);
  assert.equal((await play.recordOf("alice")).version, 3);
  const [first, second] = play.issuer.asked.slice(1);
  assert.notEqual(first!.thumbprint, second!.thumbprint);
  await again.goOnline();
});

Deno.test("a cancel whose answer was lost has cancelled, and cancelling again finds that", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  // The first answer shows the reset, the second one says that it is cancelled.
  await play.losing("/v1/directory/alice", () => alice.cancelReset(), 1);
  assert.equal((await play.recordOf("alice")).kind, "cancel");
  await alice.cancelReset();
  await alice.goOnline();
  assert.deepEqual(
    [(await play.recordOf("alice")).kind, (await play.recordOf("alice")).version],
    ["cancel", 2],
  );
});

Deno.test("two devices that cancel a reset at once have both cancelled it", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const phone = await linked(alice, play.liar.url, "phone", { now: play.service.now });
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  let isFirst = true;
  play.liar.answerLie = async (path, value) => {
    // Between what one of them was shown and what it does about that.
    if (path === "/v1/directory/alice" && isFirst) {
      isFirst = false;
      await phone.client.cancelReset();
    }
    return value;
  };
  await alice.cancelReset();
  assert.deepEqual(
    [(await play.recordOf("alice")).kind, (await play.recordOf("alice")).version],
    ["cancel", 3],
  );
  phone[Symbol.dispose]();
});

Deno.test("a device that did not hear of the last changes still cancels a reset of them", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const phone = await linked(alice, play.liar.url, "phone", { now: play.service.now });
  const code = await alice.newRecoveryCode();
  await alice.setRecoveryKey(code);
  const before = await play.recordOf("alice");
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  assert.deepEqual((await play.recordOf("alice")).recovery, new Uint8Array(32));
  await phone.client.cancelReset();
  const after = await play.recordOf("alice");
  assert.deepEqual(after.recovery, before.recovery);
  assert.deepEqual(after.devices, before.devices);
  assert.deepEqual(after.auth, before.auth);
  // The other device finds nothing to cancel any more.
  await alice.cancelReset();
  assert.equal(alice.recoverable, true);
  phone[Symbol.dispose]();
});

Deno.test("a device that was removed before the reset can't cancel it", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const phone = await linked(alice, play.liar.url, "phone", { now: play.service.now });
  phone.client.goOffline();
  await alice.removeDevice(phone.client.devices().find(({ isThis }) => isThis)!.id);
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  await refuses(phone.client.cancelReset(), "device_removed");
  assert.equal((await play.recordOf("alice")).kind, "reset");
  phone[Symbol.dispose]();
});

Deno.test("a reset is not cancelled after 72 hours", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  const thief = await play.open();
  await thief.reset("alice", "", play.issuer.grant("alice"));
  play.wait(72 * HOUR_MS);
  await refuses(alice.cancelReset(), "refused");
  assert.equal((await play.recordOf("alice")).kind, "reset");
});

Deno.test("a recovery code brings the account to a new device, and whoever knew it follows", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  assert.equal(alice.recoverable, false);
  const code = await alice.newRecoveryCode();
  await alice.setRecoveryKey(code);
  assert.equal(alice.recoverable, true);
  const carol = await witnessOf(play, "alice");
  const fresh = await play.open();
  await fresh.recover("Alice", "new laptop", ` ${code.toLowerCase().replaceAll("-", " ")} `);
  assert.deepEqual(fresh.devices().map(({ name }) => name), ["new laptop"]);
  await fresh.goOnline();
  assert.equal((await carol.lookup("alice")).isNew, false);
  // The old device is out, and the code is still good.
  await refuses(alice.goOnline(), "device_removed");
  await (await play.open()).recover("alice", "", code);
  await refuses(fresh.rotateKeys(), "device_removed");
});

Deno.test("a code with a typing error, an old one, and one of another account recover nothing", async () => {
  await using play = await scene(open);
  const [alice, bob] = [await play.open(), await play.open()];
  await alice.register("alice");
  await bob.register("bob");
  const codes = await Promise.all([alice, alice, bob].map((one) => one.newRecoveryCode()));
  await alice.setRecoveryKey(codes[0]!);
  await alice.setRecoveryKey(codes[1]!);
  await bob.setRecoveryKey(codes[2]!);
  const fresh = await play.open();
  const wrong = codes[1]!.replace(/^./, (first) => first === "0" ? "2" : "0");
  for (const code of [codes[0]!, codes[2]!, wrong, "", "1234-5678"]) {
    await refuses(fresh.recover("alice", "", code), "bad_recovery_code");
  }
  await refuses(fresh.recover("nobody", "", codes[1]!), "bad_recovery_code");
  await refuses(alice.setRecoveryKey(wrong), "bad_recovery_code");
  assert.equal((await play.recordOf("alice")).version, 2);
  await fresh.recover("alice", "", codes[1]!);
});

Deno.test("a thief with a device can't number devices so that the recovery code is of no use", async () => {
  await using play = await scene(open);
  const store = memoryStore();
  const alice = await play.open({ store });
  await alice.register("alice");
  const code = await alice.newRecoveryCode();
  await alice.setRecoveryKey(code);
  const { signing } = await read(store, "account") as { readonly signing: CryptoKey };
  const account = { origin: ORIGIN, label: parseAccountLabel("alice") };
  const before = await play.recordOf("alice");
  const old = { publicKey: before.devices[0]!.entry.signing, privateKey: signing };
  for (const number of [2, 4, 2 ** 32 - 1]) {
    const device = await newDevice(account, number);
    const update = {
      ...before,
      kind: "update" as const,
      version: before.version + 1,
      issuedMs: play.service.now(),
      prev: recordHash(await play.bytesOf("alice")),
      devices: [device],
    };
    const record = await signRecord(account, update, [
      { role: "self", signing: device.keys.signing },
      { role: "previous", signing: old },
    ]);
    const answer = await fetch(`${play.liar.url}/v1/directory/alice`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ record: toBase64Url(record) }),
    });
    assert.equal((await answer.json()).code, "bad_record", String(number));
  }
  // The thief goes by the rules then, and takes Alice's device out.
  const thief = await play.open({ store });
  await thief.rotateKeys();
  assert.deepEqual(thief.devices().map(({ id }) => id), [3]);
  const fresh = await play.open();
  await fresh.recover("alice", "new laptop", code);
  assert.deepEqual(fresh.devices().map(({ id, name }) => [id, name]), [[4, "new laptop"]]);
  await refuses(thief.rotateKeys(), "device_removed");
});

Deno.test("a recovery whose answers were lost is the same recovery when it is tried again", async () => {
  await using play = await scene(open);
  const alice = await play.open();
  await alice.register("alice");
  const code = await alice.newRecoveryCode();
  await play.losing("/v1/directory/alice", () => alice.setRecoveryKey(code), 1);
  assert.equal((await play.recordOf("alice")).version, 1);
  await alice.setRecoveryKey(code);
  const folder = await Deno.makeTempDir();
  const at = `${folder}/store.json`;
  const fresh = await play.open({ store: await fileStore(at) });
  await play.losing("/v1/directory/alice/owner", () => fresh.recover("alice", "", code));
  await play.losing("/v1/directory/alice", () => fresh.recover("alice", "", code));
  const again = await play.open({ store: await fileStore(at) });
  assert.equal(again.label, null);
  await again.recover("alice", "", code);
  assert.deepEqual(
    [(await play.recordOf("alice")).kind, (await play.recordOf("alice")).version],
    ["recover", 2],
  );
  const later = await play.open({ store: await fileStore(at) });
  await later.goOnline();
  later.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("who recovers while another device changes the account follows on that change", async () => {
  await using play = await scene(open);
  const alice = await play.open();
  await alice.register("alice");
  const code = await alice.newRecoveryCode();
  await alice.setRecoveryKey(code);
  const fresh = await play.open();
  let isFirst = true;
  play.liar.answerLie = async (path, value) => {
    // Between the record that was looked up and the one that follows on it.
    if (path === "/v1/directory/alice/owner" && isFirst) {
      isFirst = false;
      await alice.rotateKeys();
    }
    return value;
  };
  await fresh.recover("alice", "", code);
  assert.equal((await play.recordOf("alice")).version, 3);
  await fresh.goOnline();
});

Deno.test("a name that is retired is nobody's any more, and its device keeps nothing of it", async () => {
  await using play = await scene(granting);
  const store = memoryStore();
  const alice = await granted(play, "alice", { store });
  const phone = await linked(alice, play.liar.url, "phone", { now: play.service.now });
  await alice.goOnline();
  const carol = await witnessOf(play, "alice");
  await alice.retire();
  assert.deepEqual([alice.label, alice.online], [null, false]);
  for (const key of ["account", "account/next", "account/ending", "account/claim", "prekeys"]) {
    assert.equal(await read(store, key), null, key);
  }
  await refuses(carol.lookup("alice"), "name_retired");
  await refuses((await granted(play, "dave")).lookup("alice"), "name_retired");
  await refuses(phone.client.rotateKeys(), "name_retired");
  const again = { authorization: play.issuer.grant("alice") };
  await refuses((await play.open()).register("alice", "", again), "name_retired");
  await refuses(
    (await play.open()).reset("alice", "", play.issuer.grant("alice")),
    "name_retired",
  );
  // The device may have another name.
  await alice.register("alice2", "", { authorization: play.issuer.grant("alice2") });
  await alice.goOnline();
  phone[Symbol.dispose]();
});

Deno.test("a retirement whose answer was lost erases nothing until the log has proved it", async () => {
  await using play = await scene(open);
  const store = memoryStore();
  const alice = await play.open({ store });
  await alice.register("alice");
  // The first answer shows the newest record, the second one the end.
  await play.losing("/v1/directory/alice", () => alice.retire(), 1);
  assert.equal((await play.recordOf("alice")).kind, "retire");
  const again = await play.open({ store });
  assert.equal(again.label, "alice");
  await again.retire();
  assert.equal(again.label, null);
  assert.equal(await read(store, "account"), null);
  assert.equal((await play.recordOf("alice")).version, 1);
});

Deno.test("a retirement that never arrived is made anew where the account went on, or time did", async () => {
  await using play = await scene(open);
  const alice = await play.open();
  await alice.register("alice");
  const code = await alice.newRecoveryCode();
  let asked = 0;
  play.liar.refusing = (path) => path === "/v1/directory/alice" && ++asked === 2;
  await refuses(alice.retire(), "unavailable");
  play.liar.refusing = null;
  await alice.setRecoveryKey(code);
  asked = 0;
  play.liar.refusing = (path) => path === "/v1/directory/alice" && ++asked === 3;
  await refuses(alice.retire(), "unavailable");
  play.liar.refusing = null;
  play.wait(HOUR_MS);
  await alice.retire();
  const end = await play.recordOf("alice");
  assert.deepEqual([end.kind, end.version], ["retire", 2]);
});

Deno.test("a service that says a name has ended, and does not show it, gets nobody to erase their keys", async () => {
  await using play = await scene(open);
  const store: Store = memoryStore();
  const alice = await play.open({ store });
  await alice.register("alice");
  let asked = 0;
  play.liar.answerLie = (path, value) => {
    if (path !== "/v1/directory/alice" || ++asked < 2) return value;
    play.liar.nextStatus = 410;
    return { type: "about:blank", status: 410, code: "name_retired", title: "This name has ended" };
  };
  await refuses(alice.retire(), "name_retired");
  assert.notEqual(await read(store, "account"), null);
  assert.equal(alice.label, "alice");
});

Deno.test("a device that has an account takes no other, by no way", async () => {
  await using play = await scene(granting);
  const alice = await granted(play, "alice");
  await granted(play, "bob");
  const { grant } = play.issuer;
  await refuses(alice.register("dave", "", { authorization: grant("dave") }), "refused");
  await refuses(alice.reset("bob", "", grant("bob")), "refused");
  await refuses(alice.recover("bob", "", await alice.newRecoveryCode()), "refused");
  assert.equal(alice.label, "alice");
});

Deno.test("a device that was away for long is shown every change, and that it was removed", async () => {
  await using play = await scene(open);
  const alice = await play.open();
  await alice.register("alice");
  const now = play.service.now;
  using phone = await linked(alice, play.liar.url, "phone", { now });
  using tablet = await linked(alice, play.liar.url, "tablet", { now });
  for (const { client } of [phone, tablet]) client.goOffline();
  await alice.removeDevice(phone.client.devices().find(({ isThis }) => isThis)!.id);
  for (let i = 0; i < 20; i++) await alice.setRecoveryKey(await alice.newRecoveryCode());
  await refuses(phone.client.goOnline(), "device_removed");
  await tablet.client.goOnline();
  assert.equal(tablet.client.devices().length, 2);
});
