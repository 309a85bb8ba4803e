/**
 * The IndexedDB store in a real browser, held to what `tests/client/store_test.ts` holds the others to.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Page } from "playwright-core";
import { bundle, openBrowser } from "./harness.ts";
import { type Checks } from "./pages/store_page.ts";

const ORIGIN = "https://countersign.test";

Deno.test("the IndexedDB store in a real browser", async (t) => {
  const script = await bundle(new URL("./pages/store_page.ts", import.meta.url));
  const { browser, close } = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.route("**/*", (route) =>
      route.fulfill({
        contentType: "text/html; charset=utf-8",
        body: `<!doctype html><title>Countersign</title><script>${script}</script>`,
      }));
    await page.goto(ORIGIN);
    const check = (name: keyof Checks) =>
      page.evaluate((name) => (globalThis as unknown as { checks: Checks }).checks[name](), name);

    await t.step("it reads what was written, also on another connection", async () => {
      assert.deepEqual(await check("keeps"), [
        { n: 1, list: ["x", null], bytes: [1, 2] },
        null,
        null,
      ]);
    });
    await t.step("it loses no update when two tabs write at once", async () => {
      assert.equal(await check("losesNothing"), 50);
    });
    await t.step("it writes nothing of a decision that throws", async () => {
      assert.deepEqual(await check("undoes"), ["no", 1, 2]);
    });
    await t.step("a private key in it signs, and cannot be exported", async () => {
      assert.deepEqual(await check("keepsKeysInside"), [64, "InvalidAccessError"]);
    });
    await t.step(
      "an ML-KEM key in it opens, and cannot be exported where the browser has ML-KEM",
      async () => {
        const [what, opens, exported] = await check("keepsKemInside") as [
          string,
          boolean,
          string[],
        ];
        assert.ok(opens);
        // Elsewhere its seed is bytes, which the threat model says.
        const isHandle = await check("hasKem");
        assert.equal(what, isHandle ? "handle" : "bytes");
        if (isHandle) assert.deepEqual(exported, exported.map(() => "InvalidAccessError"));
      },
    );
    await t.step("it says whether the browser promised to keep it, once asked to", async () => {
      assert.deepEqual(await check("persists"), [false, false]);
      await allow(page);
      assert.deepEqual(await check("persists"), [true, true]);
      assert.deepEqual(await check("persistsNowhere"), [false, false]);
    });
  } finally {
    await close();
  }
});

/**
 * Lets the browser promise persistent storage, which it otherwise refuses to a page it hardly knows; as
 * long as the session is there, which ends with the page.
 */
async function allow(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { targetInfo: { browserContextId } } = await session.send("Target.getTargetInfo");
  await session.send("Browser.grantPermissions", {
    permissions: ["durableStorage"],
    origin: ORIGIN,
    ...(browserContextId === undefined ? {} : { browserContextId }),
  });
}
