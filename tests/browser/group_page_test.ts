/**
 * Groups on the demo page: one begins a call, others come by its link, they see each other and write.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startService } from "../support/service.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, openPerson, type Person } from "./person.ts";

Deno.test("people meet in a group on the page, by its link, and write to each other", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = async (name: string) => {
    const person = await openPerson(browser, `${service.url}/#test`, errors);
    await person.register(name);
    await person.online();
    return person;
  };
  try {
    const [alice, bob, carol] = [await open("alice"), await open("bob"), await open("carol")];

    await t.step("whoever begins gets a link, and is alone at first", async () => {
      await alice.part("group-begin").click();
      await alice.says("group-title", /^Nobody else is here yet$/);
      await alice.says("group-keys", /^Epoch 1, step 0$/);
      await alice.says("group-link", /#/);
    });

    await t.step(
      "others come by the link, and everybody has a tile, a badge and a picture",
      async () => {
        const link = await alice.part("group-link").textContent();
        for (const person of [bob, carol]) {
          await person.part("group-join-link").fill(link!);
          await person.part("group-join-link").press("Enter");
        }
        for (const person of [alice, bob, carol]) {
          await person.says("group-title", /^You and 2 others$/);
          const tiles = person.part("group-tiles").locator("li[data-state=connected]");
          await tiles.nth(1).waitFor({ timeout: 20_000 });
          await moves(person);
          const badges = await person.part("group-tiles").locator(".badge").allTextContents();
          assert.deepEqual(badges, Array(2).fill("In the log, not checked by you"));
        }
      },
    );

    await t.step("what one writes the others read, as text", async () => {
      await bob.part("group-text").fill("<b>hello</b>");
      await bob.part("group-text").press("Enter");
      for (const person of [alice, bob, carol]) {
        await person.says("group-talk", /bob<b>hello<\/b>/);
      }
    });

    await t.step("who mutes sends silence; who leaves is gone from the others", async () => {
      await carol.part("group-mute").click();
      assert.equal(await carol.part("group-mute").getAttribute("aria-pressed"), "true");
      await carol.part("group-leave").click();
      await carol.part("group-begin").waitFor();
      for (const person of [alice, bob]) await person.says("group-title", /^You and 1 other$/);
      await alice.says("group-keys", /^Epoch 2/, 20_000);
      await moves(alice);
    });

    await t.step("who is in a group call is busy for everybody else", async () => {
      await carol.call("alice");
      await carol.says("ended-title", /^Busy$/);
      assert.equal(await alice.part("incoming").isVisible(), false);
      await alice.says("group-title", /^You and 1 other$/);
    });

    await t.step(
      "a link that is opened in the page has its button in sight, with the focus",
      async () => {
        await carol.part("done").click();
        await carol.page.setViewportSize({ width: 390, height: 600 });
        const link = (await alice.part("group-link").textContent())!;
        const isHere = async () => {
          const button = carol.part("group-join-press");
          assert.equal(await carol.part("group-join-link").inputValue(), link);
          const [focus, box] = [
            await button.evaluate((it) => it === document.activeElement),
            await button.boundingBox(),
          ];
          assert.ok(
            focus && box!.y >= 0 && box!.y + box!.height <= 600,
            JSON.stringify({ focus, box }),
          );
        };
        await carol.page.evaluate((href) => location.href = href, link);
        await carol.page.waitForFunction(() => document.activeElement?.textContent === "Join");
        await isHere();
        await carol.page.reload();
        await carol.online();
        await isHere();
        await carol.page.keyboard.press("Enter");
        await carol.says("group-title", /^You and 2 others$/);
        await carol.part("group-leave").click();
        await alice.says("group-title", /^You and 1 other$/);
      },
    );

    await t.step("what is wrong with a link, or a camera, is said beside it", async () => {
      await carol.part("group-join-link").fill("no link");
      await carol.part("group-join-link").press("Enter");
      await carol.says("group-error", /^The invite is not good/);
      assert.equal(await carol.part("call-error").textContent(), "");
      await carol.part("source-camera").check();
      await carol.page.evaluate(() => {
        const none = () => Promise.reject(new DOMException("", "NotFoundError"));
        navigator.mediaDevices.getUserMedia = none;
      });
      await carol.part("group-begin").click();
      await carol.says("group-error", /^Nothing to send yet\. No camera .* A test picture/);
      const box = await carol.part("group-error").boundingBox();
      assert.ok(box!.y >= 0 && box!.y + box!.height <= 600, JSON.stringify(box));
    });

    await t.step("it fits on a phone of 360 pixels", async () => {
      await alice.page.setViewportSize({ width: 360, height: 740 });
      const width = await alice.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${width} pixels`);
    });
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
});

/** Waits until the pictures of all others move. */
async function moves({ page }: Person): Promise<void> {
  const videos = page.locator('[data-testid="group-tiles"] video');
  const counts = () =>
    videos.evaluateAll((all) =>
      (all as HTMLVideoElement[]).map((each) => each.getVideoPlaybackQuality().totalVideoFrames)
    );
  const before = await counts();
  for (const end = performance.now() + 30_000; performance.now() < end;) {
    if ((await counts()).every((count, i) => count > (before[i] ?? 0) + 3)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`The pictures stand still: ${before.join()} and ${(await counts()).join()}`);
}
