/**
 * The reference in a real browser, served by a real service: everything that the documents have is
 * there, and the page keeps to its strict policy.
 *
 * @module
 */

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type Page } from "playwright-core";
import { type Pages, readPages } from "../../routes/page.ts";
import { PROBLEM_STATUS } from "../../wire/problem.ts";
import { startService } from "../support/service.ts";
import { bundle, openBrowser } from "./harness.ts";

const DEMO = new URL("../../examples/demo/", import.meta.url);
const DOCS = new URL("../../examples/docs/", import.meta.url);

Deno.test("the reference in a real browser", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  try {
    const context = await browser.newContext({ colorScheme: "dark", locale: "en-GB" });
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    const open = async (hash = "") => {
      await page.goto(`${service.url}/docs${hash}`);
      await page.waitForFunction(() => document.documentElement.dataset["ready"] === "true");
    };
    await open();

    await t.step("it asks nobody but the service that serves it", () => {
      assert.deepEqual(asked.filter((url) => !url.startsWith(`${service.url}/`)), []);
    });

    await t.step("every operation, frame, code, close code and limit is there", async () => {
      const openApi = await (await fetch(`${service.url}/openapi.json`)).json();
      const asyncApi = await (await fetch(`${service.url}/asyncapi.json`)).json();
      const operations = Object.values<Record<string, { operationId: string }>>(openApi.paths)
        .flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
      assert.deepEqual((await idsOf(page, "op-")).sort(), operations.sort());
      const frames = Object.keys(asyncApi.components.messages);
      const shown = [
        ...(await idsOf(page, "client-")).filter((id) => id !== "title").map((t) => `client.${t}`),
        ...(await idsOf(page, "server-")).map((t) => `server.${t}`),
      ];
      assert.deepEqual(shown.sort(), frames.sort());
      assert.deepEqual((await idsOf(page, "code-")).sort(), Object.keys(PROBLEM_STATUS).sort());
      const rows = (name: string) => page.getByTestId(name).locator("tbody tr").count();
      assert.equal(await rows("close-codes"), asyncApi.channels.rooms["x-close-codes"].length);
      const { limits } = await (await fetch(`${service.url}/.well-known/countersign`)).json();
      assert.equal(await rows("limits"), Object.keys(limits).length);
    });

    await t.step("every step of the client has its code, and all of it is shown", async () => {
      const source = await Deno.readTextFile(new URL("client.js", DOCS));
      const code = (await page.getByTestId("steps").locator("pre").allTextContents()).join("");
      const lines = source.split("\n").filter((line) => /\S/.test(line) && !line.startsWith("//"));
      for (const line of lines) assert.ok(code.includes(line), line);
    });

    await t.step("a body's fields, limits, codes and samples are told", async () => {
      const entry = page.locator("#op-makeInvite");
      const text = await entry.innerText();
      for (
        const part of [/uses\s+number from 1 to 1,000\s+needed/, /too_many_open/, /token and proof/]
      ) {
        assert.match(text, part);
      }
      const sample = entry.locator("pre");
      assert.match(await sample.innerText(), /ask\(service, key, "POST", .*"role": "member"/s);
      await entry.getByRole("tab", { name: "curl" }).click();
      assert.match(await sample.innerText(), /-H "DPoP: \$PROOF"/);
      await entry.getByRole("link", { name: "too_many_open" }).click();
      assert.equal(new URL(page.url()).hash, "#code-too_many_open");
    });

    await t.step("an address leads to its entry, though it comes later", async () => {
      await page.goto("about:blank");
      await open("#server-welcome");
      const box = (await page.locator("#server-welcome").boundingBox())!;
      assert.ok(box.y > -5 && box.y < 200, `${box.y}`);
    });

    await t.step("the contents are searched by what they lead to", async () => {
      await page.getByTestId("find").fill("prekeys_differ");
      const left = page.getByTestId("toc").locator("li:visible");
      assert.deepEqual(await left.allInnerTexts(), ["POST\nkeys/check"]);
    });

    await t.step("it fits a phone in the light, and the contents make way", async () => {
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 360, height: 740 });
      await page.waitForFunction(() => document.documentElement.scrollWidth === 360);
      assert.equal(await page.getByTestId("toc").isVisible(), false);
      const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.match(paper, /rgb\(2\d\d, 2\d\d, 2\d\d\)/);
    });

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

/** What stands behind a beginning of the page's ids. */
async function idsOf(page: Page, beginning: string): Promise<string[]> {
  const ids = await page.locator(`[id^="${beginning}"]`).evaluateAll((all) =>
    all.map(({ id }) => id)
  );
  return ids.map((id) => id.slice(beginning.length));
}

/** What `deno task build` makes of the page, in a folder of its own. */
async function builtPages(): Promise<Pages> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/docs.js`, await bundle(new URL("page.ts", DOCS), "esm"));
    for (
      const [from, name, as] of [
        [DEMO, "style.css", "style.css"],
        [DEMO, "mark.svg", "mark.svg"],
        [DOCS, "index.html", "docs.html"],
        [DOCS, "style.css", "docs.css"],
        [DOCS, "client.js", "docs_client.js"],
      ] as const
    ) {
      await Deno.writeFile(`${folder}/${as}`, await Deno.readFile(new URL(name, from)));
    }
    return await readPages(pathToFileURL(`${folder}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
