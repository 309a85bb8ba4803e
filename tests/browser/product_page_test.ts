/**
 * What makes calls of the demo page pleasant: it tells of a call while nobody looks, says who called while one was
 * away, remembers when one talked, goes over to another microphone, and says which way the media go.
 *
 * @module
 */

import assert from "node:assert/strict";
import { startService } from "../support/service.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, connect, openPerson, type Person } from "./person.ts";

/** A browser's own notifications, each within reach of the test. */
type WithNotifications = typeof globalThis & { told: { title: string; isClosed: boolean }[] };

Deno.test("the page tells of calls, remembers them, and lets its user choose", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = async (name: string, path: string) => {
    const person = await openPerson(browser, service.url + path, errors);
    await person.register(name);
    return person;
  };
  try {
    const [alice, bob] = [await open("alice", "/"), await open("bob", "/#test")];

    await t.step("who was never called is in no list", async () => {
      assert.equal(await alice.part("contacts-card").isVisible(), false);
    });

    await t.step(
      "a call rings with the name in the title; seen, it needs no notification",
      async () => {
        await keepNotifications(bob);
        await alice.call("bob");
        await bob.says("incoming-label", /^alice$/);
        assert.equal(await bob.page.title(), "alice is calling");
        assert.deepEqual(await told(bob), []);
        await bob.part("decline").click();
        await bob.part("incoming").waitFor({ state: "hidden" });
        assert.equal(await bob.page.title(), "Countersign");
        await alice.part("done").click();
      },
    );

    await t.step(
      "while nobody looks the browser tells of a call, until it rings no more",
      async () => {
        await bob.page.evaluate(() =>
          Object.defineProperty(document, "hidden", { value: true, configurable: true })
        );
        await alice.call("bob");
        await bob.part("incoming").waitFor();
        assert.deepEqual(await told(bob), [{ title: "alice is calling", isClosed: false }]);
        await alice.part("hang-up").click();
        await bob.part("incoming").waitFor({ state: "hidden" });
        assert.deepEqual(await told(bob), [{ title: "alice is calling", isClosed: true }]);
        await alice.part("done").click();
        await bob.part("dismiss-missed").click();
      },
    );

    await t.step("a call goes over to another microphone and stays in its codecs", async () => {
      await connect(alice, bob);
      await alice.says("inspect-codecs", /^VP8, opus$/);
      await alice.says("inspect-path", /^Direct, UDP/);
      await alice.says("inspect-drops", /^None$/);
      await alice.part("mute").click();
      const field = alice.part("choose-mic");
      const before = await field.inputValue();
      const others = await field.locator("option").evaluateAll((options) =>
        (options as HTMLOptionElement[]).map(({ value }) => value)
      );
      const next = others.find((value) => value !== before && value !== "default")!;
      await field.selectOption(next);
      await alice.page.waitForFunction(() => {
        const video = document.querySelector<HTMLVideoElement>('[data-testid="local-video"]')!;
        const tracks = (video.srcObject as MediaStream).getAudioTracks();
        const chosen = document.querySelector<HTMLSelectElement>("#choose-mic")!.value;
        return tracks.length === 1 && tracks[0]!.getSettings().deviceId === chosen;
      });
      assert.equal(await field.inputValue(), next);
      const isSent = await alice.page.evaluate(() => {
        const { connections } = globalThis as unknown as { connections: RTCPeerConnection[] };
        const sent = connections.at(-1)!.getSenders().map(({ track }) => track);
        return sent.filter((track) => track?.kind === "audio").map((track) => track!.enabled);
      });
      // Whoever muted the one before is not heard over the next.
      assert.deepEqual(isSent, [false]);
      await alice.part("mute").click();
      await bob.seesAndHears();
      // A test picture has neither.
      assert.equal(await bob.part("choose-mic-row").isVisible(), false);
      await bob.part("hang-up").click();
      for (const person of [alice, bob]) await person.part("done").click();
    });

    await t.step("the list says when one talked last, also after a reload", async () => {
      const row = alice.part("contact").filter({ hasText: /^bobLast call .*not checked by you/ });
      await row.waitFor();
      await alice.page.reload();
      await alice.online();
      await row.waitFor();
      assert.equal(await row.locator(".badge").getAttribute("data-standing"), "consistent");
    });

    await t.step("who called while one was away is said once one is back", async () => {
      // With a socket that nobody stands in, as the page's last word goes over it.
      const context = await browser.newContext();
      const page = await context.newPage();
      const online = () => page.getByTestId("online").filter({ hasText: /^online$/ }).waitFor();
      await page.goto(`${service.url}/#test`);
      await page.getByTestId("name-input").fill("carol");
      await page.getByTestId("register").click();
      await online();
      await page.goto("about:blank");
      await alice.call("carol");
      await alice.says("ended-title", /^Not there right now$/);
      await page.goto(`${service.url}/#test`);
      const said = /Missed call alice, who called while you were away, as the service says/;
      await page.getByTestId("missed").filter({ hasText: said }).waitFor();
    });
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
});

/** Notes the notifications. A browser without a window shows none, and says that they are denied. */
async function keepNotifications({ page }: Person): Promise<void> {
  await page.evaluate(() => {
    const scope = globalThis as WithNotifications;
    scope.told = [];
    scope.Notification = class extends Notification {
      static override readonly permission = "granted";
      readonly #note: { title: string; isClosed: boolean };
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        this.#note = { title, isClosed: false };
        scope.told.push(this.#note);
      }
      override close(): void {
        super.close();
        this.#note.isClosed = true;
      }
    };
  });
}

function told({ page }: Person): Promise<WithNotifications["told"]> {
  return page.evaluate(() => (globalThis as WithNotifications).told);
}
