/**
 * Whose identity a name is: resets and cancels that somebody strings together so that a friend follows
 * them to a stranger.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { bindDevice } from "../../crypto/device_entry.ts";
import { generateDeviceKeys, type SigningKeyPair } from "../../crypto/keys.ts";
import {
  type BoundDevice,
  nextRecord,
  signRecord,
  type VerifiedRecord,
  verifyNext,
} from "../../crypto/record.ts";
import { type StoredAccount } from "../../client/account.ts";
import { type Context } from "../../core/context.ts";
import { refusalOf, refuses } from "../support/refuses.ts";
import { entryOf, openCore, ORIGIN } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";

const BOB = parseAccountLabel("bob");
const ACCOUNT = { origin: ORIGIN, label: BOB };

/** Somebody's only device. */
interface Owner {
  readonly signing: SigningKeyPair;
  readonly device: BoundDevice;
}

async function owner(deviceId: number): Promise<Owner> {
  const keys = await generateDeviceKeys();
  const entry = { ...entryOf(keys, Date.now()), deviceId };
  const { signing } = keys;
  return { signing, device: { entry, binding: await bindDevice(ACCOUNT, entry, signing) } };
}

/** Whoever has Bob's name at the beginning: what his device keeps, in a thief's hands. */
async function thiefOf(play: Stage, { devices: [device] }: VerifiedRecord): Promise<Owner> {
  const { signing } = await play.storeOf("bob", "account") as StoredAccount;
  const pair = { publicKey: device!.entry.signing, privateKey: signing };
  return { signing: pair, device: device! };
}

/** Logs a record that gives the name to somebody. */
async function logged(
  play: Stage,
  { keys: { operator } }: Context,
  before: VerifiedRecord,
  kind: "reset" | "cancel",
  { signing, device }: Owner,
): Promise<VerifiedRecord> {
  const record = nextRecord(before, { kind, devices: [device], issuedMs: Date.now() });
  const bytes = await signRecord(ACCOUNT, record, [
    { role: "self", signing },
    kind === "reset" ? { role: "operator", signing: operator } : { role: "previous", signing },
  ]);
  const next = await verifyNext(ACCOUNT, operator.publicKey, before, bytes);
  await play.logAnyway("bob", next.version, bytes);
  return next;
}

Deno.test("a cancel takes back the reset before it, and not the one before that", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  const bobs = (await core.accounts.record(BOB))!;
  const [mallory, another] = await Promise.all([owner(2), owner(3)]);
  const first = await logged(play, core, bobs, "reset", mallory);
  const second = await logged(play, core, first, "reset", another);
  await logged(play, core, second, "cancel", mallory);
  await refuses(play.alice.lookup("bob"), "identity_changed");
  const findings = await play.bob.watchLog();
  assert.ok(findings.some(({ error }) => error.code === "account_reset"));
});

Deno.test("a cancel of a reset that was believed brings somebody else, and has to be believed too", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  const bobs = (await core.accounts.record(BOB))!;
  const thief = await thiefOf(play, bobs);
  const fresh = await logged(play, core, bobs, "reset", await owner(2));
  const { identity } = await refusalOf(play.alice.lookup("bob"), "identity_changed");
  await play.alice.confirmIdentity("bob", identity!);
  await play.alice.lookup("bob");
  await logged(play, core, fresh, "cancel", thief);
  await refuses(play.alice.lookup("bob"), "identity_changed");
});

Deno.test("who confirms an identity confirms that one, and none that came meanwhile", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  await using core = await openCore(play.kv);
  const bobs = (await core.accounts.record(BOB))!;
  const fresh = await logged(play, core, bobs, "reset", await owner(2));
  const { identity } = await refusalOf(play.alice.lookup("bob"), "identity_changed");
  // While she asks Bob, who says that it was him, the operator goes on, and her watch sees it.
  await logged(play, core, fresh, "reset", await owner(3));
  await play.alice.watchLog();
  const newer = await refusalOf(play.alice.confirmIdentity("bob", identity!), "identity_changed");
  assert.notEqual(newer.identity, identity);
  await refuses(play.alice.lookup("bob"), "identity_changed");
  await play.alice.confirmIdentity("bob", newer.identity!);
  assert.deepEqual((await play.alice.lookup("bob")).changes, ["reset", "reset"]);
});

Deno.test("who only rings is nobody that is known", async () => {
  await using play = await stage();
  const call = await play.carol.call("bob", new TestStack());
  await play.nextRing();
  await call.hangUp();
  assert.equal(await play.storeOf("bob", "pin/carol"), null);
  const { answered } = await play.connect();
  assert.notEqual(await play.storeOf("bob", "pin/alice"), null);
  await answered.hangUp();
});
