/**
 * The log's page in a real browser, served by a real service: what a person sees of the log, and of a
 * name that is looked up, when all is well and when somebody lies.
 *
 * @module
 */

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContext, type Locator, type Page } from "playwright-core";
import { type Pages, readPages } from "../../routes/page.ts";
import { registered } from "../support/dpop.ts";
import { startService } from "../support/service.ts";
import { bundle, openBrowser } from "./harness.ts";

const DEMO = new URL("../../examples/demo/", import.meta.url);
const LOG = new URL("../../examples/log/", import.meta.url);
/** Of a log without witnesses. */
const PASSED = [
  "note passed",
  "policy passed",
  "freshness skipped",
  "consistency passed",
  "inclusion passed",
  "vrf passed",
  "ladder passed",
  "prefix passed",
  "commitment passed",
  "chain passed",
];

Deno.test("the log's page in a real browser", async (t) => {
  await using service = await startService({ pages: await builtPages(), isPostQuantum: true });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  try {
    await t.step("a stranger sees the head, checked, and where to get a name", async () => {
      const stranger = await openLog(await newContext(browser), `${service.url}/log`, errors);
      await stranger.says("verdict-title", /^The signature is valid\. This is the first head/);
      await stranger.says("size", /^1$/);
      await stranger.says("epoch", /^none yet$/);
      await stranger.says("origin", /^test\.invalid\/kt\/1$/);
      assert.deepEqual(await stranger.part("signers").getByRole("listitem").count(), 2);
      await stranger.says("signers", /Ed25519.*ML-DSA-44/s);
      await stranger.says("policy", /names no witnesses/);
      assert.equal(await stranger.part("lookup-form").isVisible(), false);
      assert.equal(await stranger.part("get-account").getAttribute("href"), "/");
      await stranger.page.context().close();
    });

    // Alice and bob register where people do, each in a browser of their own.
    const alice = await newContext(browser);
    await registerOnPage(alice, service.url, "alice");
    await registerOnPage(await newContext(browser), service.url, "bob");
    const log = await openLog(alice, `${service.url}/log?name=bob`, errors);

    await t.step("the head that this device trusts is proved to go on", async () => {
      // What alice's device trusts is of her own registration, before bob came.
      await log.says("verdict-title", /^The signature is valid, and it continues the head of 3 /);
      await log.says("size", /^5$/);
      await log.says("epoch", /1 version added$/);
      assert.match(await log.part("root").getAttribute("title") ?? "", /^[0-9a-f]{64}$/);
    });

    await t.step("the tree grows before their eyes", async () => {
      const leaves = () => log.part("tree").locator(".leaf").count();
      assert.equal(await leaves(), 5);
      await registered(service, "carol");
      await log.says("size", /^7$/);
      await log.says("verdict-title", /continues the head of 5 entries/);
      assert.equal(await leaves(), 7);
      assert.equal(await log.part("tree").locator(".leaf.fresh").count(), 2);
      await log.says("tree-caption", /^7 entries in 3 complete subtrees/);
    });

    await t.step(
      "a name is looked up, and every step of its proof is checked and shown",
      async () => {
        assert.equal(await log.part("lookup-input").inputValue(), "bob");
        await log.part("lookup").click();
        await log.says("answer-title", /^bob$/);
        await log.says("answer-text", /newest record is version 0/);
        assert.deepEqual(await log.verdicts(), PASSED);
        // Nothing of the other page's style lies over the marks.
        const before = await log.part("steps").getByRole("listitem").first().evaluate((item) =>
          getComputedStyle(item, "::before").content
        );
        assert.equal(before, "none");
        await log.says("steps", /Version 0 is there, 1 is not/);
        await log.says("steps", /1 record from the first to the newest/);
        // The way through both trees: to the last entry, and to both versions of the ladder.
        assert.equal(await log.part("way").locator(".node.beside").count(), 2);
        assert.deepEqual(
          (await log.part("prefix").locator(".end").allTextContents()).sort(),
          ["v0present", "v1absent"],
        );
        // Focus is where the answer is, for those who hear it.
        const focused = await log.page.evaluate(() => document.activeElement?.id);
        assert.equal(focused, "answer-title");
      },
    );

    await t.step("a name that nobody has is proved to be free", async () => {
      await log.lookUp("nobody");
      await log.says("answer-title", /^nobody$/);
      await log.says("answer-text", /^Nobody has this name/);
      const verdicts = await log.verdicts();
      assert.deepEqual(verdicts.slice(0, 8), PASSED.slice(0, 8));
      assert.deepEqual(verdicts.slice(8), ["commitment skipped", "chain skipped"]);
    });

    await t.step("what is no name is said beside the field", async () => {
      await log.lookUp("Not A Name");
      await log.says("lookup-error", /^That is not a valid name\./);
      assert.equal(await log.part("answer").isVisible(), false);
    });

    await t.step("it fits a phone, and nothing moves where that is not wanted", async () => {
      await log.lookUp("bob");
      await log.says("answer-title", /^bob$/);
      await log.page.setViewportSize({ width: 360, height: 740 });
      await log.page.emulateMedia({ reducedMotion: "reduce" });
      await log.page.waitForFunction(() => document.documentElement.scrollWidth === 360);
      for (const name of ["tree", "way", "prefix"]) {
        const box = (await log.part(name).boundingBox())!;
        assert.ok(box.x >= 0 && box.x + box.width <= 360, name);
      }
      const moving = await log.page.evaluate(() =>
        [...document.querySelectorAll("svg *")].filter((one) =>
          getComputedStyle(one).animationName !== "none"
        ).length
      );
      assert.equal(moving, 0);
    });

    await t.step(
      "one byte of a proof that is not true is refused, and the step is named",
      async () => {
        const path = "**/v1/directory/bob/proof*";
        // Near its end a proof holds hashes of the prefix tree.
        await log.page.route(path, async (route) => {
          const response = await route.fetch();
          const answer = await response.json();
          const proof = answer.proof.replace(
            /.(?=.{24}\nindex )/,
            (letter: string) => letter === "A" ? "B" : "A",
          );
          assert.notEqual(proof, answer.proof);
          await route.fulfill({ response, json: { ...answer, proof } });
        });
        await log.lookUp("bob");
        await log.says("answer-title", /^The answer is false$/);
        await log.says("answer-code", /^proof_invalid$/);
        assert.equal(await log.part("answer").getAttribute("data-kind"), "lie");
        assert.equal(await log.part("ways").isVisible(), false);
        const verdicts = await log.verdicts();
        assert.deepEqual(verdicts.slice(6), [
          "ladder passed",
          "prefix failed",
          "commitment skipped",
          "chain skipped",
        ]);
        await log.page.unroute(path);
        await log.lookUp("bob");
        await log.says("answer-title", /^bob$/);
      },
    );

    await t.step(
      "a head that does not continue the one before is said aloud, and stays",
      async () => {
        await log.page.route("**/log/consistency*", async (route) => {
          const response = await route.fetch();
          const answer = await response.json();
          const hashes = [...answer.hashes.slice(0, -1), "A".repeat(43)];
          await route.fulfill({ response, json: { ...answer, hashes } });
        });
        await registered(service, "dave");
        await log.says("verdict-title", /^The service keeps two different logs$/);
        await log.says("verdict-code", /^log_forked$/);
        assert.equal(await log.part("verdict").getAttribute("data-kind"), "lie");
        // What was shown before is what was verified.
        await log.says("size", /^7$/);
      },
    );

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

async function newContext(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(10_000);
  return context;
}

/** Takes a name on the page for calls, and leaves that page. */
async function registerOnPage(context: BrowserContext, url: string, name: string): Promise<void> {
  const page = await context.newPage();
  await page.goto(url);
  await page.getByTestId("name-input").fill(name);
  await page.getByTestId("register").click();
  await page.getByTestId("online").filter({ hasText: /^online$/ }).waitFor();
  await page.close({ runBeforeUnload: false });
}

/** The log's page, as a person uses it. */
interface OpenLog {
  readonly page: Page;
  part(name: string): Locator;
  /** Waits until a part is seen and its text matches. */
  says(name: string, text: RegExp): Promise<void>;
  lookUp(name: string): Promise<void>;
  /** Every step with its verdict. */
  verdicts(): Promise<string[]>;
}

async function openLog(context: BrowserContext, url: string, errors: string[]): Promise<OpenLog> {
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    const isOfPage = !message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && isOfPage) errors.push(message.text());
  });
  await page.goto(url);
  const part = (name: string) => page.getByTestId(name);
  return {
    page,
    part,
    says: (name, text) => part(name).filter({ hasText: text, visible: true }).waitFor(),
    async lookUp(name) {
      await part("lookup-input").fill(name);
      await part("lookup").click();
      await page.waitForFunction(() =>
        document.querySelector('[data-testid="lookup"]')?.textContent === "Look up"
      );
    },
    verdicts: () =>
      part("steps").getByRole("listitem").evaluateAll((items) =>
        items.map((item) => `${item.dataset["step"]} ${item.dataset["verdict"]}`)
      ),
  };
}

/** What `deno task build` makes of both pages, in a folder of its own. */
async function builtPages(): Promise<Pages> {
  const folder = await Deno.makeTempDir();
  try {
    const [app, log] = await Promise.all([
      bundle(new URL("app.ts", DEMO)),
      bundle(new URL("page.ts", LOG)),
    ]);
    await Deno.writeTextFile(`${folder}/app.js`, app);
    await Deno.writeTextFile(`${folder}/log.js`, log);
    for (
      const [from, name, as] of [
        [DEMO, "index.html", "index.html"],
        [DEMO, "style.css", "style.css"],
        [DEMO, "mark.svg", "mark.svg"],
        [LOG, "index.html", "log.html"],
        [LOG, "style.css", "log.css"],
      ] as const
    ) {
      await Deno.writeFile(`${folder}/${as}`, await Deno.readFile(new URL(name, from)));
    }
    return await readPages(pathToFileURL(`${folder}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
