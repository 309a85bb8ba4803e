/**
 * The adapters for stacks that talk to an SFU from a browser, in a real browser. With a LiveKit server,
 * whose path `COUNTERSIGN_LIVEKIT_SERVER` names, one of them does so through it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Page } from "playwright-core";
import { livekitServer } from "../support/livekit_server.ts";
import { openBrowser } from "./harness.ts";
import { type LivekitStories } from "./pages/livekit_page.ts";
import { type LivekitPlace } from "./pages/livekit_server_page.ts";
import { keepsContractInPage, openSite } from "./page_stage.ts";

const LIVEKIT_SERVER = Deno.env.get("COUNTERSIGN_LIVEKIT_SERVER") ?? "";

Deno.test("the LiveKit adapter in a real browser", async (t) => {
  await keepsContractInPage(t, "livekit_page.ts");
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
  await keepsContractInPage(t, "mediasoup_page.ts");
});

Deno.test({
  name: "the LiveKit adapter through a real LiveKit server",
  ignore: LIVEKIT_SERVER === "",
  async fn(t) {
    await using server = await livekitServer(LIVEKIT_SERVER);
    await keepsContractInPage(t, "livekit_server_page.ts", async () => {
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
