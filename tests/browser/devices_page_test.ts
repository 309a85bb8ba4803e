/**
 * One person with several devices in front of the demo page: linking them, ringing on all of them, and
 * removing one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Page } from "playwright-core";
import { startService } from "../support/service.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, openPerson, type Person } from "./person.ts";

Deno.test("an account on several devices of one person", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = (path = "/#test") => openPerson(browser, service.url + path, errors);
  try {
    const old = await open();
    await old.register("alice");
    const phone = await open();

    await t.step("a browser that promised nothing is said to", async () => {
      await old.says("kept-refused", /it may delete them .* Link a second device/);
      assert.equal(await old.part("kept-row").isVisible(), false);
    });

    await t.step("a code that is typed over brings two devices together", async () => {
      assert.deepEqual(await devicesOf(old), ["computer, this one"]);
      await join(phone, "phone");
      await phone.part("join-kind").click();
      await phone.says("join-code-text", /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
      const code = await phone.part("join-code-text").innerText();
      await old.part("link-device").click();
      await old.page.setViewportSize({ width: 360, height: 740 });
      const width = await old.part("link-dialog").evaluate((dialog) => dialog.scrollWidth);
      assert.ok(width <= 360 - 32, `the dialog is ${width} pixels wide`);
      await old.part("link-input").fill(code.toLowerCase());
      await old.part("link-take").click();
      await old.part("link-compare").waitFor();
      await phone.part("join-compare").waitFor();
      const [a, b] = [await digitsOf(old, "link-digits"), await digitsOf(phone, "join-digits")];
      assert.match(a, /^\d{6}$/);
      assert.equal(a, b);
      await old.says("link-name", /^phone$/);
    });

    await t.step("nothing happens before both are confirmed, and then both are alice", async () => {
      await old.part("link-confirm").click();
      await phone.says(
        "join-account",
        /computer\s+takes this device into the account of\s+alice\./,
      );
      await old.says("link-adding", /say on the new device/);
      assert.equal((await devicesOf(old)).length, 1);
      await phone.part("join-confirm").click();
      await phone.online();
      await phone.says("own-label", /^alice$/);
      await old.says("devices-news", /^phone was added\.$/);
      assert.equal(await old.part("link-dialog").isVisible(), false);
      assert.deepEqual(await devicesOf(old), ["computer, this one", "phone"]);
      assert.deepEqual(await devicesOf(phone), ["computer", "phone, this one"]);
    });

    const bob = await open();
    await bob.register("bob");

    await t.step("both ring; one answers, and the other says where the call went", async () => {
      await bob.call("alice");
      for (const device of [old, phone]) await device.says("incoming-label", /^bob$/);
      await phone.part("accept").click();
      for (const person of [bob, phone]) await person.says("state", /^Encrypted$/);
      await old.part("incoming").waitFor({ state: "hidden" });
      await old.says("missed", /Taken on another device bob/);
      await old.part("dismiss-missed").click();
      await bob.part("hang-up").click();
      await phone.says("ended-text", /^bob hung up\.$/);
      for (const person of [bob, phone]) await person.part("done").click();
    });

    await t.step("a caller who gives up is missed on both", async () => {
      await bob.call("alice");
      for (const device of [old, phone]) await device.part("incoming").waitFor();
      await bob.part("hang-up").click();
      for (const device of [old, phone]) {
        await device.says("missed", /Missed call bob, who gave up/);
        assert.equal(await device.part("incoming").isVisible(), false);
      }
      await bob.part("done").click();
    });

    await t.step("a code in front of the camera is found; digits that differ end it", async () => {
      const tablet = await open();
      await join(tablet, "tablet");
      const svg = tablet.part("join-qr").locator("svg");
      await svg.waitFor();
      await holdBefore(old.page, await tablet.part("join-qr").screenshot());
      await old.part("link-device").click();
      await old.part("scan").click();
      await old.says("link-name", /^tablet$/);
      await tablet.part("join-compare").waitFor();
      await old.part("link-cancel").click();
      await tablet.says("join-title", /^The devices did not come together$/);
      await tablet.says("join-failed-text", /given up on the other device/);
      assert.equal((await devicesOf(old)).length, 2);
      await tablet.part("join-cancel").click();
      assert.equal(await tablet.part("register-form").isVisible(), true);
      await tablet.page.context().close();
    });

    await t.step("a code that is none is refused beside the field", async () => {
      await old.part("link-device").click();
      await old.part("link-input").fill("hello");
      await old.part("link-take").click();
      await old.says("link-error", /This is not a code of a new device\.$/);
      await old.page.keyboard.press("Escape");
      assert.equal(await old.part("link-dialog").isVisible(), false);
    });

    await t.step("a device is removed when that is said twice, and says so itself", async () => {
      const remove = old.part("remove-device");
      await remove.click();
      await old.part("remove-cancel").click();
      assert.equal((await devicesOf(old)).length, 2);
      await remove.click();
      await old.says("remove-name", /^phone$/);
      await old.part("remove-sure").click();
      await old.says("devices-news", /^phone was removed\.$/);
      assert.deepEqual(await devicesOf(old), ["computer, this one"]);
      await phone.says("broken-title", /^This device was removed$/);
      await phone.part("reload").click();
      await phone.says("broken-code", /^device_removed/);
      await bob.call("alice");
      await old.part("decline").click();
      await bob.says("ended-title", /^Call declined$/);
    });

    await t.step("what was removed can start over, and be linked again", async () => {
      await phone.part("start-over").click();
      await phone.part("start-over-sure").click();
      await join(phone, "phone again");
      await phone.part("join-code-text").waitFor();
    });

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

/** Begins on a device without an account. */
async function join(device: Person, name: string): Promise<void> {
  await device.part("device-input").fill(name);
  await device.part("join").click();
}

/** The list of devices: their names, and which one this is. */
async function devicesOf({ part }: Person): Promise<string[]> {
  const items = await part("device").all();
  return await Promise.all(items.map(async (item) => {
    const isThis = await item.locator(".badge").count() === 1;
    return await item.locator("b").innerText() + (isThis ? ", this one" : "");
  }));
}

async function digitsOf({ part }: Person, name: string): Promise<string> {
  return (await part(name).innerText()).replace(/\s/g, "");
}

/** Makes a picture what the camera of a page sees, larger than it and off the middle. */
async function holdBefore(page: Page, picture: Uint8Array): Promise<void> {
  let binary = "";
  for (const byte of picture) binary += String.fromCharCode(byte);
  await page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const context = canvas.getContext("2d")!;
    setInterval(() => {
      context.fillStyle = "#777";
      context.fillRect(0, 0, 640, 480);
      context.drawImage(image, 150, 60, 380, 380);
    }, 50);
    navigator.mediaDevices.getUserMedia = () => Promise.resolve(canvas.captureStream(20));
  }, `data:image/png;base64,${btoa(binary)}`);
}
