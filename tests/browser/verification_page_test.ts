/**
 * People who check each other on the demo page: by pictures that they read to each other, and by a code before
 * a camera, which is a file that the browser plays.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startService } from "../support/service.ts";
import { cameraFile } from "./camera_file.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, connect, openPerson, type Person } from "./person.ts";

Deno.test("people check each other on the page, by pictures and by camera", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  await using camera = await cameraFile();
  const { browser, close } = await openBrowser([camera.flag]);
  const errors: string[] = [];
  const open = async (name: string) => {
    const person = await openPerson(browser, `${service.url}/#test`, errors);
    await person.register(name);
    return person;
  };
  try {
    const [alice, bob, carol] = [await open("alice"), await open("bob"), await open("carol")];

    await t.step("both see the same four pictures, their names and digits", async () => {
      await connect(alice, bob);
      for (const person of [alice, bob]) {
        await person.says("peer-standing", /^In the log, not checked by you$/);
      }
      await alice.part("check").click();
      await alice.part("check-compare").click();
      await alice.says("check-step", /^Waiting for the other side/);
      await bob.says("check-asked", /^The other side asks to compare/);
      assert.equal(await alice.part("check-code").isVisible(), false);
      // With the keyboard alone, from where the focus is in a dialog that has just opened.
      await bob.part("check").press("Enter");
      await press(bob, "check-compare");
      const [a, b] = [await pictures(alice), await pictures(bob)];
      assert.deepEqual(a, b);
      assert.equal(a.names.length, 4);
      for (const name of a.names) assert.match(name, /^[A-Z][a-z]+( [A-Z][a-z]+)?$/);
      assert.match(a.digits, /^\d( \d){5}$/);
    });

    await t.step("a screen reader hears the names and digits, and no picture", async () => {
      const list = alice.page.getByRole("list", { name: "Pictures to compare" });
      const { names, digits } = await pictures(alice);
      const heard = await list.ariaSnapshot();
      for (const name of names) assert.ok(heard.includes(name), heard);
      assert.doesNotMatch(heard, /\p{Extended_Pictographic}/u);
      await alice.page.getByRole("img", { name: digits }).waitFor();
      await alice.page.getByRole("dialog", { name: "Check bob" }).waitFor();
    });

    await t.step("it fits on a phone of 360 pixels", async () => {
      await alice.page.setViewportSize({ width: 360, height: 740 });
      const { scrollWidth, clientWidth } = await alice.part("check-dialog")
        .evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }));
      assert.ok(scrollWidth <= clientWidth && clientWidth <= 360 - 32, `${scrollWidth} pixels`);
      // The longest name, in the place of one that is there.
      const overlap = await alice.part("check-emoji").locator("li").first().evaluate((item) => {
        const name = item.lastElementChild!.cloneNode() as HTMLElement;
        name.textContent = "Headphones";
        item.append(name);
        const excess = item.scrollWidth - item.clientWidth;
        name.remove();
        return excess;
      });
      assert.ok(overlap <= 0, `${overlap} pixels too wide`);
    });

    await t.step("who says that they are the same has verified the other", async () => {
      for (const person of [alice, bob]) {
        await press(person, "check-same");
        await person.says("check-standing", /^Verified by you$/);
        await person.part("check-close").click();
        await person.says("peer-standing", /^Verified by you$/);
      }
      await bob.part("hang-up").click();
      for (const person of [alice, bob]) await person.part("done").click();
      // It is known before the next call is taken.
      await bob.call("alice");
      await alice.says("incoming-standing", /^Verified by you$/);
      await alice.part("decline").click();
      await bob.part("done").click();
    });

    await t.step("another one's code before the camera is refused, loudly", async () => {
      await connect(alice, bob);
      const bobs = await codeOf(bob);
      await bob.part("check-close").click();
      await bob.part("hang-up").click();
      for (const person of [alice, bob]) await person.part("done").click();
      await connect(alice, carol);
      await camera.show(carol.page, bobs);
      await alice.part("check").click();
      await alice.part("check-scan").click();
      await alice.says("check-error", /^The codes are not the same\./);
      await alice.says("check-error-code", /^code_mismatch$/);
      assert.match(await alice.part("check-error").getAttribute("class") ?? "", /\blie\b/);
      await alice.says("check-standing", /^In the log, not checked by you$/);
      await alice.part("check-close").click();
      await alice.says("alarm", /Alarm: carol\s*The codes are not the same/);
    });

    await t.step("the right code before the camera verifies, and it is kept", async () => {
      await camera.show(carol.page, await codeOf(carol));
      await alice.part("check").click();
      await alice.part("check-scan").click();
      await alice.says("check-standing", /^Verified by you$/);
      assert.equal(await alice.part("check-camera").isVisible(), false);
      await alice.part("check-close").click();
      await carol.part("check-close").click();
      // What alice found out is not what carol did.
      await carol.says("peer-standing", /^In the log, not checked by you$/);
      await alice.part("hang-up").click();
      for (const person of [alice, carol]) await person.part("done").click();
      await alice.part("answer-alarm").click();
      assert.equal(await alice.part("alarm").count(), 0);
      await alice.page.reload();
      await alice.online();
      await carol.call("alice");
      await alice.says("incoming-standing", /^Verified by you$/);
      await alice.part("accept").click();
      await alice.says("state", /^Encrypted$/);
    });

    await t.step("who says that they differ ends the call, and the name stays marked", async () => {
      await alice.part("check").click();
      await alice.part("check-compare").click();
      await carol.part("check").click();
      await carol.part("check-compare").click();
      await carol.part("check-differ").click();
      for (const [person, peer] of [[alice, "carol"], [carol, "alice"]] as const) {
        await person.says("ended-title", /^The codes are not the same$/);
        await person.says("ended-code", /^code_mismatch$/);
        assert.match(await person.part("ended-panel").getAttribute("class") ?? "", /\blie\b/);
        await person.says("alarm", new RegExp(`Alarm: ${peer}`));
        assert.equal(await person.part("again").isVisible(), false);
        await person.part("done").click();
      }
      await carol.call("alice");
      await alice.says("incoming-standing", /^The codes did not match$/);
      assert.equal(
        await alice.part("incoming-standing").getAttribute("data-standing"),
        "mismatch",
      );
      await alice.part("decline").click();
    });

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

/** Presses a button with the keyboard. */
async function press({ part }: Person, name: string): Promise<void> {
  await part(name).focus();
  await part(name).press("Enter");
}

/** What somebody has before them to compare. */
async function pictures({ part }: Person): Promise<{ names: string[]; digits: string }> {
  await part("check-code").waitFor();
  const names = await part("check-emoji").locator("li span:not(.picture)").allInnerTexts();
  return { names, digits: await part("check-digits").getAttribute("aria-label") ?? "" };
}

/** The code that somebody shows on their screen, as a picture of it. */
async function codeOf({ part }: Person): Promise<Uint8Array> {
  await part("check").click();
  await part("check-qr").locator("svg").waitFor();
  return await part("check-qr").screenshot();
}
