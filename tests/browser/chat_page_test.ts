/**
 * What people see beside a call on the demo page: what they write to each other, and what the inspector says.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startService } from "../support/service.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, connect, openPerson } from "./person.ts";

Deno.test("people write to each other beside a call, and look into it", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = async (name: string) => {
    const person = await openPerson(browser, `${service.url}/#test`, errors);
    await person.register(name);
    return person;
  };
  try {
    const [alice, bob] = [await open("alice"), await open("bob")];
    await connect(alice, bob);

    await t.step("what one writes stands on both sides, as text", async () => {
      await alice.part("talk-text").fill("<i>hello</i>");
      await alice.part("talk-text").press("Enter");
      await bob.says("talk", /^alice<i>hello<\/i>$/);
      await bob.part("talk-text").fill("hello, too");
      await bob.part("talk-text").press("Enter");
      await alice.says("talk", /^alice<i>hello<\/i>bobhello, too$/);
      assert.equal(await alice.part("talk-quiet").isVisible(), false);
    });

    await t.step(
      "the inspector draws frames and bits, and names the keys and the log",
      async () => {
        for (const person of [alice, bob]) {
          await person.says("plot-frames-words", /^[1-9]\d* sent, [1-9]\d* received$/);
          await person.says("plot-bits-words", /^[1-9][\d,]* sent, [1-9][\d,]* received$/);
          await person.says("inspect-epoch", /^Epoch \d+$/);
          await person.says("inspect-log", /^[1-9][\d,]* entries$/);
          const points = await person.part("plot-frames").locator("polyline.out").getAttribute(
            "points",
          );
          assert.match(points ?? "", /^\d/);
        }
      },
    );

    await t.step(
      "who was called is among the people, with a badge, and one press away",
      async () => {
        await alice.part("hang-up").click();
        for (const person of [alice, bob]) await person.part("done").click();
        await alice.says("contacts", /^bobLast call .*In the log, not checked by youCall$/);
        await alice.page.getByRole("button", { name: "Call bob" }).click();
        await bob.part("decline").click();
        await alice.part("done").click();
      },
    );

    await t.step("another call begins with nothing written", async () => {
      await connect(bob, alice);
      await alice.says("talk-quiet", /^Nobody has written anything yet\.$/);
      assert.equal(await alice.part("talk").locator("li").count(), 0);
    });
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
});
