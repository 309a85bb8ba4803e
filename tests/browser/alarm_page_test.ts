/**
 * What the demo page says when watching the log found something: loudly, until it is settled.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { bindDevice } from "../../crypto/device_entry.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { nextRecord, signRecord } from "../../crypto/record.ts";
import { logAnyway } from "../support/operator.ts";
import { startService } from "../support/service.ts";
import { entryOf, openCore, ORIGIN } from "../support/service_core.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, connect, openPerson } from "./person.ts";

Deno.test("an operator who gives a name away is told on by the page", async (t) => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv, pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = (path = "/#test") => openPerson(browser, service.url + path, errors);
  try {
    const [alice, bob] = [await open(), await open()];
    await alice.register("alice");
    await bob.register("bob");
    await connect(alice, bob);
    await alice.part("hang-up").click();
    await alice.part("done").click();
    await bob.part("done").click();
    assert.equal(await alice.part("alarms").isVisible(), false);
    await giveAway(kv, "bob");

    await t.step(
      "who knew the person is not connected, and the alarm outlives the call",
      async () => {
        await alice.call("bob");
        await alice.says("ended-title", /^This is not the person you knew$/);
        await alice.part("done").click();
        await alice.says("alarm", /^Alarm: bob\s*This is not the person you knew/);
        assert.equal(await alice.part("alarm").count(), 1);
      },
    );

    await t.step("watching the log finds it again after a reload", async () => {
      await alice.page.reload();
      await alice.online();
      await alice.says("alarm", /identity_changed/);
      assert.equal(await alice.part("alarm").getAttribute("role"), "alert");
    });

    await t.step("the owner of the name is told, and cancels it", async () => {
      await bob.page.reload();
      await bob.says("broken-title", /^This device can’t be there$/);
      await bob.says("broken-code", /^account_reset$/);
      // What is kept here is what can cancel it.
      assert.equal(await bob.part("start-over").isVisible(), false);
      await bob.says("alarm", /^Alarm: your own name\s*Your name was given to other devices/);
      await bob.part("answer-alarm").click();
      await bob.online();
      assert.equal(await bob.part("alarm").count(), 0);
      await bob.says("notice", /^The reset of your account was cancelled/);
    });

    await t.step("and nobody who knows him notices anything any more", async () => {
      await alice.page.reload();
      await alice.online();
      await connect(alice, bob);
      await alice.says("peer-since", /^First seen \d/);
      assert.equal(await alice.part("alarm").count(), 0);
      await alice.part("hang-up").click();
      await alice.part("done").click();
    });

    await t.step("a new identity is believed by whoever says so, and by nobody else", async () => {
      await giveAway(kv, "bob");
      await alice.page.reload();
      await alice.part("answer-alarm").click();
      await alice.part("alarm").waitFor({ state: "detached" });
      await alice.says("notice", /^The new identity of bob is believed/);
      await alice.call("bob");
      // He has published no prekeys: the identity itself is not refused any more.
      await alice.says("ended-title", /^Not there right now$/);
    });

    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
});

/** Resets a name to keys that only the operator has. */
async function giveAway(kv: Deno.Kv, name: string): Promise<void> {
  const label = parseAccountLabel(name);
  const account = { origin: ORIGIN, label };
  await using core = await openCore(kv);
  const before = (await core.accounts.record(label))!;
  const keys = await generateDeviceKeys();
  const entry = { ...entryOf(keys, Date.now()), deviceId: before.version + 2 };
  const device = { entry, binding: await bindDevice(account, entry, keys.signing) };
  const record = nextRecord(before, { kind: "reset", devices: [device], issuedMs: Date.now() });
  const bytes = await signRecord(account, record, [
    { role: "self", signing: keys.signing },
    { role: "operator", signing: core.keys.operator },
  ]);
  await logAnyway(core, label, before.version + 1, bytes);
}
