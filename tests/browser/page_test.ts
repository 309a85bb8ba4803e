/**
 * The demo page in a real browser, served by a real service: what a person sees of a call.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Page } from "playwright-core";
import { Client, memoryStore } from "../../client/mod.ts";
import { judgeEvidence } from "../../crypto/evidence.ts";
import { parseEvidence } from "../../crypto/evidence_text.ts";
import { Secret } from "../../crypto/secret.ts";
import { openService, type Service } from "../../routes/app.ts";
import { listenNode } from "../../routes/node_listener.ts";
import { type Pages } from "../../routes/page.ts";
import { logOf } from "../support/believer.ts";
import { startService } from "../support/service.ts";
import { ORIGIN } from "../support/service_core.ts";
import { openBrowser } from "./harness.ts";
import { builtPages, connect, openPerson, type Person } from "./person.ts";

Deno.test("the page in a real browser", async (t) => {
  await using service = await startService({ pages: await builtPages() });
  const { browser, close } = await openBrowser();
  const errors: string[] = [];
  const open = (path = "/") => openPerson(browser, service.url + path, errors);
  try {
    const alice = await open();
    const bob = await open("/?call=alice#test");

    await t.step(
      "a name that is not canonical is refused in words, and a good one is taken",
      async () => {
        await alice.part("register").click();
        await alice.says("register-error", /^Type a name\.$/);
        await alice.part("name-input").fill("Alice Smith");
        await alice.part("register").click();
        await alice.says("register-error", /^That is not a valid name\. .*begins with a letter/);
        assert.equal(await alice.part("home").isVisible(), false);
        await alice.register("alice");
        assert.match(await alice.part("invite").innerText(), /\/\?call=alice$/);
      },
    );

    await t.step("a name that is taken is refused in words", async () => {
      await bob.part("name-input").fill("alice");
      await bob.part("register").click();
      await bob.says("register-error", /^That name is taken\./);
      await bob.register("bob");
      // From the link that opened the page.
      assert.equal(await bob.part("call-input").inputValue(), "alice");
    });

    await t.step("calling nobody, or oneself, is refused beside the field", async () => {
      await alice.call("");
      await alice.says("call-error", /^Type a name\.$/);
      await alice.call("nobody");
      await alice.says("call-error", /^Nobody has that name\./);
      await alice.call("alice");
      await alice.says("call-error", /^That is you\./);
    });

    await t.step("two people call, and see and hear each other", async () => {
      await alice.call("bob");
      await alice.says("state", /^Ringing$/);
      await bob.says("incoming-label", /^alice$/);
      await bob.says("incoming-since", /^First call$/);
      await bob.says("incoming-identity", /log of names holds these keys for alice/);
      assert.equal(await alice.part("frames-protected").innerText(), "0");
      await bob.part("accept").click();
      for (const person of [alice, bob]) {
        await person.says("state", /^Encrypted$/);
        await person.seesAndHears();
        await person.says("frames-opened", /^[1-9]/);
      }
      await alice.says("peer", /^bob$/);
      await bob.says("peer", /^alice$/);
    });

    await t.step("both read the same safety number, in twelve groups of five", async () => {
      const [a, b] = [await alice.safetyNumber(), await bob.safetyNumber()];
      assert.equal(a.length, 12);
      for (const group of a) assert.match(group, /^\d{5}$/);
      assert.deepEqual(a, b);
    });

    await t.step("both show what the server saw: the same sizes, and nothing else", async () => {
      const [sent, received] = [await alice.relayed(), await bob.relayed()];
      assert.equal(sent.length, 3);
      const mirrored = received.map((line) =>
        line.replace(/^(Sent|Received)/, (way) => way === "Sent" ? "Received" : "Sent")
      );
      assert.deepEqual(sent, mirrored);
      for (const line of sent) {
        assert.match(line, /^(Sent|Received) [\d,]+ bytes opaque ciphertext, padded$/);
      }
    });

    await t.step("a call fits on a phone of 360 pixels", async () => {
      await alice.page.setViewportSize({ width: 360, height: 740 });
      const width = await alice.page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(width, 360);
    });

    await t.step("hanging up ends it on both sides, in words", async () => {
      await bob.part("hang-up").click();
      await bob.says("ended-text", /^You hung up\.$/);
      await alice.says("ended-text", /^bob hung up\.$/);
      await alice.part("done").click();
    });

    await t.step("after a reload the device is still signed in, and knows its peer", async () => {
      await bob.page.reload();
      await bob.online();
      await bob.says("home-label", /^bob$/);
      await bob.call("alice");
      await bob.says("peer-since", /^First seen \d/);
      await alice.part("decline").click();
      await bob.says("ended-title", /^Call declined$/);
      await bob.part("done").click();
    });

    await t.step("a repeated call is refused with a notice that can be dismissed", async () => {
      alice.ringAgain();
      await alice.says("notice", /^A repeated call was refused/);
      assert.equal(await alice.part("incoming").isVisible(), false);
      await alice.part("dismiss").click();
      assert.equal(await alice.part("notice").count(), 0);
    });

    await t.step("missed calls become one line, which is not seen in a call", async () => {
      for (const text of ["Missed call bob, who gave up", "2 missed calls bob (2)"]) {
        await bob.call("alice");
        await alice.part("incoming").waitFor();
        await bob.part("hang-up").click();
        await alice.part("incoming").waitFor({ state: "hidden" });
        await alice.part("missed").waitFor();
        assert.equal(await alice.part("missed").locator("> span").innerText(), text);
        await bob.part("done").click();
      }
      await connect(bob, alice);
      assert.equal(await alice.part("missed").isVisible(), false);
      await bob.part("hang-up").click();
      await alice.part("done").click();
      await alice.part("dismiss-missed").click();
      assert.equal(await alice.part("missed").isVisible(), false);
      await bob.part("done").click();
    });

    await t.step(
      "a second tab says where the first is, and hands it the name of a link",
      async () => {
        const other = await tabOf(alice, `${service.url}/?call=dave`);
        await other.getByTestId("online").filter({ hasText: /^open in another tab$/ }).waitFor();
        const title = await other.getByTestId("broken-title").innerText();
        assert.equal(title, "Call dave from the other tab");
        assert.equal(await other.getByTestId("broken-code").innerText(), "in_use");
        assert.equal(await other.getByTestId("start-over").isVisible(), false);
        await alice.page.waitForFunction(() =>
          document.querySelector<HTMLInputElement>("#callee")!.value === "dave"
        );
        await other.close();
      },
    );

    await t.step("a call that brings nothing any more is not called encrypted", async () => {
      await connect(bob, alice);
      // Everything that bob's page sends stops, as where its device loses its network.
      await bob.send(false);
      await alice.says("state", /^Connection lost, waiting…$/);
      await bob.send(true);
      await alice.says("state", /^Encrypted$/);
      await bob.part("hang-up").click();
      await alice.part("done").click();
      await bob.part("done").click();
    });

    for (const how of ["reloads", "closes"] as const) {
      await t.step(`whoever ${how} the tab leaves nobody with a frozen picture`, async () => {
        await connect(bob, alice);
        const begunMs = Date.now();
        const gone = how === "reloads"
          ? bob.page.reload().then(() => {})
          : bob.page.close({ runBeforeUnload: true });
        // Where the closing page could not say goodbye any more, silence is shown, and ends the call.
        const shown = alice.says("state", /^Connection lost, waiting…$/).catch(() => {});
        const ended = alice.says("ended-panel", /bob hung up\.|not there|offline/, 30_000);
        await Promise.race([shown, ended]);
        assert.ok(Date.now() - begunMs < 6_000);
        await ended;
        await gone;
        await alice.part("done").click();
        if (how === "reloads") await bob.online();
      });
    }
    const carol = await open("/#test");
    await carol.register("carol");

    await t.step("a lie of the service stops the call, loudly", async () => {
      await carol.page.route("**/v1/directory/alice/proof*", async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        // The record stands in the proof; one of its bits is turned.
        const proof = answer.proof.replace(
          /(?<=^extra .{20})./m,
          (letter: string) => letter === "A" ? "B" : "A",
        );
        assert.notEqual(proof, answer.proof);
        await route.fulfill({ response, json: { ...answer, proof } });
      });
      await carol.call("alice");
      await carol.says("ended-title", /^The service gave a false proof$/);
      await carol.says("ended-code", /^proof_invalid$/);
      assert.match(await carol.part("ended-panel").getAttribute("class") ?? "", /\blie\b/);
      assert.equal(await carol.part("again").isVisible(), false);
    });

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

Deno.test("a service that was replaced is said to be, and a device can start over", async (t) => {
  const pages = await builtPages();
  let service = await openOne(pages, 1);
  const server = await listenNode(
    {
      fetch: (request, arrival) => service.fetch(request, arrival),
      refuse: (error) => service.refuse(error),
    },
    { hostname: "127.0.0.1", port: 0 },
    () => {},
  );
  const { browser, close } = await openBrowser();
  const replace = async (secret: number) => {
    const before = service;
    service = await openOne(pages, secret);
    await before.drain();
    return before;
  };
  const errors: string[] = [];
  const old: Service[] = [];
  try {
    const url = `http://127.0.0.1:${server.at.port}`;
    const alice = await openPerson(browser, `${url}/`, errors);
    await alice.register("alice");

    await t.step("the client gives up and the page says why, instead of reconnecting", async () => {
      old.push(await replace(1));
      await alice.says("broken-title", /^The service’s log went back$/);
      await alice.says("broken-code", /^head_rolled_back$/);
      await alice.says("online", /^not connected$/);
    });

    await t.step("opened again, it says the same, loudly, and offers to start over", async () => {
      await alice.part("reload").click();
      await alice.says("broken-code", /^head_rolled_back$/);
      assert.match(await alice.part("broken-trouble").getAttribute("class") ?? "", /\blie\b/);
      assert.equal(await alice.part("start-over").isVisible(), true);
    });

    await t.step(
      "two histories of one log leave evidence that convicts it, to be saved",
      async () => {
        for (const name of ["dave", "erin"]) {
          const client = await Client.open({ service: url, store: memoryStore() });
          await client.register(name);
          client.close();
        }
        await alice.part("reload").click();
        await alice.says("broken-title", /^The service keeps two different logs$/);
        await alice.says("broken-code", /^log_forked$/);
        await alice.part("evidence").waitFor();
        const saving = alice.page.waitForEvent("download");
        await alice.part("save-evidence").last().click();
        const file = await saving;
        assert.equal(file.suggestedFilename(), "countersign-evidence-2.txt");
        const evidence = parseEvidence(await Deno.readTextFile(await file.path()));
        assert.equal(await judgeEvidence(await logOf({ url }), evidence), "forked");
      },
    );

    await t.step("a service with another key is named too", async () => {
      old.push(await replace(2));
      await alice.part("reload").click();
      await alice.says("broken-title", /^The service’s log was replaced$/);
      await alice.says("broken-code", /^log_changed$/);
    });

    await t.step("starting over is asked for twice, and makes room for a new name", async () => {
      await alice.part("start-over").click();
      await alice.part("start-over-cancel").click();
      await alice.says("broken-code", /^log_changed$/);
      await alice.part("start-over").click();
      await alice.part("start-over-sure").click();
      await alice.part("name-input").waitFor();
      await alice.register("alice");
    });

    assert.deepEqual(errors, []);
  } finally {
    await close();
    await service.drain();
    await server.stop();
    for (const one of [service, ...old]) await one.close();
  }
});

/** A service with an empty store, whose keys come from one byte. */
async function openOne(pages: Pages, secret: number): Promise<Service> {
  return await openService({
    kv: await Deno.openKv(":memory:"),
    secret: new Secret(new Uint8Array(32).fill(secret)),
    origin: ORIGIN,
    publicOrigin: null,
    allowedOrigins: [],
    pages,
    now: Date.now,
    log: () => {},
  });
}

/** Another tab in the same browser. */
async function tabOf({ page }: Person, url: string): Promise<Page> {
  const tab = await page.context().newPage();
  await tab.goto(url);
  return tab;
}
