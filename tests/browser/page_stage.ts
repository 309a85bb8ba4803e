/**
 * The contract of all adapters in a real browser: a page is the stage of one, with the relay in its
 * workers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";
import { keepsContract, type Stage } from "../support/adapter_contract.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type PageStage } from "./pages/stage.ts";

const HTML = `<!doctype html><title>Countersign</title><body><script src="/page.js"></script>`;
const DECODING_MS = 15_000;

/** The contract, and what a browser adds to it. @param place what stands behind `#`, for each page */
export async function keepsContractInPage(
  t: Deno.TestContext,
  file: string,
  place: () => Promise<string> = () => Promise.resolve(""),
): Promise<void> {
  await using site = await openSite(file);
  const { browser, close } = await openBrowser();
  const open = async () => await openStage(browser, site.origin, await place());
  try {
    await keepsContract(t, open);

    await t.step(
      "frames are decoded, keys change under way, and held keys send nothing",
      async () => {
        await using stage = await open();
        await stage.start("same");
        await stage.tell("play");
        const deadline = performance.now() + DECODING_MS;
        const reaches = async (frames: number) => {
          while (await stage.tell("decoded") < frames) {
            assert.ok(performance.now() < deadline, "nothing is decoded");
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        };
        await reaches(10);
        assert.deepEqual(await stage.tell("rotate"), {});
        await reaches(await stage.tell("decoded") + 10);
        assert.equal(await stage.tell("hold"), 0);
      },
    );
  } finally {
    await close();
  }
}

/** A page that is served. */
export interface OpenSite extends AsyncDisposable {
  /** Where. */
  readonly origin: string;
}

/** A page and the worker of all, on loopback: a page of elsewhere may not connect to a server there. */
export async function openSite(file: string): Promise<OpenSite> {
  const [page, worker] = await Promise.all([
    bundle(new URL(`./pages/${file}`, import.meta.url)),
    bundle(new URL("./pages/liar_worker.ts", import.meta.url)),
  ]);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const { pathname } = new URL(url);
    const script = pathname === "/page.js" ? page : pathname === "/worker.js" ? worker : null;
    const type = script === null ? "text/html" : "text/javascript";
    return new Response(script ?? HTML, { headers: { "content-type": type } });
  });
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

interface OpenStage extends Stage {
  tell<Name extends keyof PageStage>(
    name: Name,
    ...args: Parameters<PageStage[Name]>
  ): Promise<Awaited<ReturnType<PageStage[Name]>>>;
}

async function openStage(
  browser: Browser,
  origin: string,
  place: string,
): Promise<OpenStage> {
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.goto(`${origin}/#${encodeURIComponent(place)}`);
  const tell: OpenStage["tell"] = (name, ...args) =>
    tab.evaluate(`stage[${JSON.stringify(name)}](...${JSON.stringify(args)})`);
  await tell("open").catch((error) => {
    throw new Error(`${error.message}; the page said: ${errors.join("; ")}`);
  });
  return {
    tell,
    start: (bobsKeys) => tell("start", bobsKeys),
    relay: (relaying) => tell("relay", relaying),
    bob: () => tell("bob"),
    close: () => tell("close"),
    async [Symbol.asyncDispose]() {
      await tab.close();
      assert.deepEqual(errors, []);
    },
  };
}
