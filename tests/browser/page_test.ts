/**
 * The demo page in a real browser, served by a real service: what a person sees of a call.
 *
 * @module
 */

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { type Browser, type Locator, type Page } from "playwright-core";
import { type Pages, readPages } from "../../routes/page.ts";
import { startService } from "../support/service.ts";
import { bundle, openBrowser } from "./harness.ts";

const DEMO = new URL("../../examples/demo/", import.meta.url);
const WORKER = new URL("../../client/adapters/browser_worker.ts", import.meta.url);

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
        await alice.part("name-input").fill("Alice Smith");
        await alice.part("register").click();
        await alice.says("register-error", /^That is not a valid name\. .*lower-case/);
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
      await bob.says("incoming-identity", /in the log at head size \d+/);
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
      await bob.says("peer-since", /^Known since /);
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

    await t.step("a lie of the service stops the call, loudly", async () => {
      await bob.page.route("**/v1/directory/alice/proof*", async (route) => {
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
      await bob.call("alice");
      await bob.says("ended-title", /^The service gave a false proof$/);
      await bob.says("ended-code", /^proof_invalid$/);
      assert.match(await bob.part("ended-panel").getAttribute("class") ?? "", /\blie\b/);
      assert.equal(await bob.part("again").isVisible(), false);
    });

    assert.deepEqual(errors, []);
    assert.deepEqual(service.faults, []);
  } finally {
    await close();
  }
});

/** What `deno task build` makes, in a folder of its own. */
async function builtPages(): Promise<Pages> {
  const folder = await Deno.makeTempDir();
  try {
    const [app, worker] = await Promise.all([bundle(new URL("app.ts", DEMO)), bundle(WORKER)]);
    await Deno.writeTextFile(`${folder}/app.js`, app);
    await Deno.writeTextFile(`${folder}/worker.js`, worker);
    for (const name of ["index.html", "style.css", "mark.svg"]) {
      await Deno.writeFile(`${folder}/${name}`, await Deno.readFile(new URL(name, DEMO)));
    }
    return await readPages(pathToFileURL(`${folder}/`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Somebody in front of the page. */
interface Person {
  readonly page: Page;
  part(name: string): Locator;
  /** Waits until a part is seen and its text matches. */
  says(name: string, text: RegExp): Promise<void>;
  /** Sends the last ring to the page once more, as a service may. */
  ringAgain(): void;
  register(name: string): Promise<void>;
  online(): Promise<void>;
  call(name: string): Promise<void>;
  /** Waits until the picture of the peer moves and its sound is not silence. */
  seesAndHears(): Promise<void>;
  safetyNumber(): Promise<string[]>;
  /** The lines of what the server saw, without what only the two know. */
  relayed(): Promise<string[]>;
}

async function openPerson(browser: Browser, url: string, errors: string[]): Promise<Person> {
  const context = await browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The browser also reports answers such as 404, which the page expects.
    const isOfPage = !message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && isOfPage) errors.push(message.text());
  });
  let ringAgain = () => {};
  await page.routeWebSocket("**/v1/ws", (socket) => {
    socket.connectToServer().onMessage((message) => {
      socket.send(message);
      if (JSON.parse(String(message)).t === "ring") ringAgain = () => socket.send(message);
    });
  });
  await page.goto(url);
  const part = (name: string) => page.getByTestId(name);
  const person: Person = {
    page,
    part,
    says: (name, text) => part(name).filter({ hasText: text, visible: true }).waitFor(),
    ringAgain: () => ringAgain(),
    async register(name) {
      await part("name-input").fill(name);
      await part("register").click();
      await person.online();
    },
    online: () => person.says("online", /^online$/),
    async call(name) {
      await part("call-input").fill(name);
      await part("call").click();
    },
    seesAndHears: () => part("remote-video").evaluate(seeAndHear),
    safetyNumber: () => part("safety-number").getByRole("listitem").allInnerTexts(),
    async relayed() {
      const lines = await part("relayed").getByRole("listitem").all();
      const words = lines.map((line) => line.locator("b, .opaque").allInnerTexts());
      return (await Promise.all(words)).map((line) => line.join(" "));
    },
  };
  return person;
}

/** Runs in the page; rejects after some seconds. */
async function seeAndHear(element: HTMLElement | SVGElement): Promise<void> {
  const video = element as HTMLVideoElement;
  const sound = new AudioContext();
  const analyser = sound.createAnalyser();
  let [seen, heard] = [false, false];
  let source: MediaStreamAudioSourceNode | null = null;
  for (let look = 0; look < 80 && !(seen && heard); look++) {
    const stream = video.srcObject as MediaStream | null;
    if (source === null && stream !== null && stream.getAudioTracks().length > 0) {
      source = sound.createMediaStreamSource(stream);
      source.connect(analyser);
    }
    const wave = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(wave);
    heard ||= wave.some((sample) => Math.abs(sample) > 0.01);
    seen = video.videoWidth > 0 && video.currentTime > 0.2 &&
      video.getVideoPlaybackQuality().totalVideoFrames > 2;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await sound.close();
  if (!seen || !heard) throw new Error(`seen: ${seen}, heard: ${heard}`);
}
