/**
 * The adapters for stacks that talk to an SFU from a browser, in a real browser. With a LiveKit server,
 * whose path `COUNTERSIGN_LIVEKIT_SERVER` names, one of them does so through it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser, type Page } from "playwright-core";
import { keepsContract, type Stage } from "../support/adapter_contract.ts";
import { livekitServer } from "../support/livekit_server.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type LivekitStories } from "./pages/livekit_page.ts";
import { type LivekitPlace } from "./pages/livekit_server_page.ts";
import { type SfuStage } from "./pages/sfu_party.ts";

const HTML = `<!doctype html><title>Countersign</title><body><script src="/page.js"></script>`;
const DECODING_MS = 15_000;
const LIVEKIT_SERVER = Deno.env.get("COUNTERSIGN_LIVEKIT_SERVER") ?? "";

Deno.test("the LiveKit adapter in a real browser", async (t) => {
  await holds(t, "livekit_page.ts", () => Promise.resolve(""));
});

Deno.test("what a room of LiveKit may not do with its manager", async (t) => {
  await t.step("encryption cannot be switched off, and no data packet is carried", async () => {
    await inPage("livekit_page.ts", async (tab) => {
      assert.deepEqual(await tab.evaluate("stories.refusals()"), {
        e2ee: "A room takes this manager as `encryption`, not as `e2ee`",
        secondRoom: "A manager is for one room",
        data: "Data packets are not carried: they are not protected here",
        received: "Data packets are not carried: they are not protected here",
        isEnabled: true,
        isMarked: true,
      });
    });
  });

  await t.step("nothing opens of whom the application does not know", async () => {
    await inPage("livekit_page.ts", async (tab) => {
      const { left, ...heard } = await tab.evaluate<Told<"stranger">>("stories.stranger()");
      assert.ok(left > 0);
      assert.deepEqual(heard, { opened: 0, decoded: 0 });
    });
  });

  await t.step("nothing opens on the track of somebody who left, and nothing fails", async () => {
    await inPage("livekit_page.ts", async (tab) => {
      const { left, ...heard } = await tab.evaluate<Told<"seatOfAnother">>(
        "stories.seatOfAnother()",
      );
      assert.ok(left > 0);
      assert.deepEqual(heard, { failures: [], opened: 0 });
    });
  });

  for (const how of ["transform", "receiver"] as const) {
    await t.step(`a ${how} without its transform stops everything`, async () => {
      await inPage("livekit_page.ts", async (tab) => {
        const { failures, isSilent } = await tab.evaluate<Told<"bypass">>(
          `stories.bypass(${JSON.stringify(how)})`,
        );
        assert.deepEqual(failures, ["bypass_detected"]);
        assert.ok(isSilent);
      });
    });
  }

  await t.step("the sender of a backup codec has a transform too", async () => {
    await inPage("livekit_page.ts", async (tab) => {
      assert.deepEqual(await tab.evaluate("stories.backup()"), { isProtected: true });
    });
  });
});

Deno.test("the mediasoup adapter in a real browser", async (t) => {
  await holds(t, "mediasoup_page.ts", () => Promise.resolve(""));
});

Deno.test({
  name: "the LiveKit adapter through a real LiveKit server",
  ignore: LIVEKIT_SERVER === "",
  async fn(t) {
    await using server = await livekitServer(LIVEKIT_SERVER);
    await holds(t, "livekit_server_page.ts", async () => {
      const room = crypto.randomUUID();
      const people = ["alice", "bob", "carol"];
      const tokens = await Promise.all(people.map((who) => server.token(who, room)));
      const place: LivekitPlace = {
        url: server.url,
        tokens: Object.fromEntries(people.map((who, i) => [who, tokens[i]!])),
      };
      return JSON.stringify(place);
    });
  },
});

/** The contract, and what a browser adds to it. @param place what stands behind `#`, for each page */
async function holds(
  t: Deno.TestContext,
  file: string,
  place: () => Promise<string>,
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

type Told<Name extends keyof LivekitStories> = Awaited<ReturnType<LivekitStories[Name]>>;

/** A page of its own in a browser of its own. */
async function inPage(
  file: string,
  story: (tab: Page) => Promise<void>,
): Promise<void> {
  await using site = await openSite(file);
  const { browser, close } = await openBrowser();
  try {
    const tab = await browser.newPage();
    const errors: string[] = [];
    tab.on("pageerror", (error) => errors.push(error.message));
    await tab.goto(`${site.origin}/`);
    await story(tab);
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
}

interface OpenSite extends AsyncDisposable {
  readonly origin: string;
}

/** A page and the worker of all, on loopback: a page of elsewhere may not connect to a server there. */
async function openSite(file: string): Promise<OpenSite> {
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
  tell<Name extends keyof SfuStage>(
    name: Name,
    ...args: Parameters<SfuStage[Name]>
  ): Promise<Awaited<ReturnType<SfuStage[Name]>>>;
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
