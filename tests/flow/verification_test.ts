/**
 * Who is verified, by what, and what becomes of it when keys change: over the real service.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Client } from "../../client/client.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { refusalOf, refuses } from "../support/refuses.ts";
import { linked } from "../support/second_device.ts";
import { openCore } from "../support/service_core.ts";
import { stage } from "../support/stage.ts";
import { takeover } from "../support/takeover.ts";

async function standingOf(client: Client, name: string): Promise<string> {
  return (await client.lookup(name)).standing;
}

async function known(client: Client): Promise<string[]> {
  const { people } = await client.verification();
  return (await people()).map(({ label, standing }) => `${label} ${standing}`);
}

Deno.test("who scans the code of a person's device has verified them, and nobody else", async () => {
  await using play = await stage();
  const { alice, bob, carol } = play;
  const [mine, bobs, carols] = await Promise.all(
    [alice, bob, carol].map((client) => client.verification()),
  );
  assert.equal(await standingOf(alice, "bob"), "consistent");
  await mine!.scan("bob", await bobs!.code("alice"));
  assert.equal(await standingOf(alice, "bob"), "verified");
  // Another one's code is refused, says nothing of Bob, and verifies nobody.
  for (const other of [await carols!.code("alice"), await mine!.code("bob")]) {
    await refuses(mine!.scan("bob", other), "code_mismatch");
  }
  await refuses(mine!.scan("bob", "hello"), "bad_option");
  await refuses(mine!.scan("No Name", "hello"), "bad_label");
  assert.equal(await standingOf(alice, "carol"), "consistent");
  assert.deepEqual(await known(alice), ["bob verified", "carol consistent"]);
  // What Alice found out is not what Bob did.
  assert.equal(await standingOf(bob, "alice"), "consistent");
});

Deno.test("two who read the safety number to each other say whether it is the same", async () => {
  await using play = await stage();
  const mine = await play.alice.verification();
  const number = (await play.alice.lookup("bob")).safetyNumber();
  await refuses(mine.judge("bob", number.replace(/./, "x"), "same"), "record_conflict");
  await mine.judge("bob", number, "same");
  assert.equal(await standingOf(play.alice, "bob"), "verified");
  await mine.judge("bob", number, "different");
  assert.equal(await standingOf(play.alice, "bob"), "mismatch");
  assert.deepEqual(await known(play.alice), ["bob mismatch"]);
});

Deno.test("a device that its owner adds leaves them verified; a code of before is not called a lie", async () => {
  await using play = await stage();
  const [mine, bobs] = [await play.alice.verification(), await play.bob.verification()];
  const before = await bobs.code("alice");
  await mine.scan("bob", before);
  using _phone = await linked(play.bob, play.liar.url, "phone");
  const { standing, changes } = await play.alice.lookup("bob");
  assert.deepEqual([standing, changes], ["verified", ["update"]]);
  await refuses(mine.scan("bob", before), "record_conflict");
  assert.equal(await standingOf(play.alice, "bob"), "verified");
  await mine.scan("bob", await bobs.code("alice"));
});

Deno.test("another identity is loud: who was verified is not any more, whether it is believed or waits", async () => {
  await using play = await stage();
  const mine = await play.alice.verification();
  await mine.scan("bob", await (await play.bob.verification()).code("alice"));
  await play.carol.lookup("bob");
  await using core = await openCore(play.kv);
  await play.logAnyway("bob", 1, await takeover(core, parseAccountLabel("bob"), "reset"));
  for (const client of [play.alice, play.carol]) {
    const { identity } = await refusalOf(client.lookup("bob"), "identity_changed");
    assert.deepEqual(await known(client), ["bob changed"]);
    await client.confirmIdentity("bob", identity!);
  }
  assert.equal(await standingOf(play.alice, "bob"), "changed");
  // Carol had not verified the one before: she has nothing to lose.
  assert.equal(await standingOf(play.carol, "bob"), "consistent");
  // It stays loud until somebody compares again.
  assert.equal(await standingOf(play.alice, "bob"), "changed");
  const number = (await play.alice.lookup("bob")).safetyNumber();
  await mine.judge("bob", number, "same");
  assert.equal(await standingOf(play.alice, "bob"), "verified");
});

Deno.test("a service that shows two people different keys is found out by the camera: code_mismatch", async () => {
  await using play = await stage();
  const mine = await play.alice.verification();
  await play.alice.lookup("bob");
  // What Bob's device would show if the service had given Alice another one under his name: the same
  // versions and names, and other keys.
  const other = await stage();
  const shown = await (await other.bob.verification()).code("alice");
  await other[Symbol.asyncDispose]();
  await refuses(mine.scan("bob", shown), "code_mismatch");
  assert.equal(await standingOf(play.alice, "bob"), "mismatch");
  assert.deepEqual(await known(play.alice), ["bob mismatch"]);
});
