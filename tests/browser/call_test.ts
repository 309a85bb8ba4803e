/**
 * A whole call between two browsers over the real service: it plays within seconds, every frame that
 * leaves is encrypted, and the service saw none of what it must not see.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser, type Page } from "playwright-core";
import { describe } from "../../client/fingerprint.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { NO_GOSSIP, payloadToBytes } from "../../wire/payload.ts";
import { fromHex } from "../support/hex.ts";
import {
  callKeyNeedles,
  descriptionNeedles,
  grep,
  type Needle,
  sdpNeedles,
  textNeedle,
} from "../support/grep.ts";
import { type Liar, startLiar } from "../support/liar.ts";
import { leftClear, messagesOf, sealedFrames, storedEntries } from "../support/seen.ts";
import { startService } from "../support/service.ts";
import { readPages } from "../../routes/page.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type Evidence, type Phone, type Report } from "./pages/call_page.ts";

const HTML = `<!doctype html><meta charset="utf-8"><title>Countersign</title><body>
<input id="callee"><button id="call">Call</button><button id="hangup">Hang up</button>
<script src="/page.js"></script>`;
/** Time from `connected` until both sides hear and see each other, in milliseconds. */
const PLAYS_MS = 5_000;

Deno.test("a call between two browsers over the real service", async (t) => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/service.sqlite`;
  const kv = await Deno.openKv(file);
  const liar = startLiar();
  const site = await writeSite(folder);
  const pages = await readPages(new URL(`file://${folder}/`));
  const service = await startService({ kv, publicOrigin: liar.url, pages });
  liar.target = service.url;
  const { browser, name, version, close } = await openBrowser();
  try {
    const [alice, bob, carol] = await Promise.all([
      openTab(browser, liar, "alice", "own"),
      openTab(browser, liar, "bob", "own"),
      openTab(browser, liar, "carol", "stranger"),
    ]);
    const both = [alice, bob];
    const reports = () => Promise.all(both.map((tab) => tab.phone("report")));

    await t.step("both hear and see each other within 5 s of being connected", async () => {
      await alice.call("bob");
      await until(async () => (await reports()).every(({ playsMs }) => playsMs !== null));
      const sides = await reports();
      for (const side of sides) {
        assert.equal(side.state, "connected");
        assert.ok(side.playsMs! <= PLAYS_MS, `it took ${side.playsMs} ms`);
        assert.ok(side.browser.audioEnergy > 0);
        assertNoFault(side);
      }
      await until(async () => {
        const later = await reports();
        return later.every(({ browser }, i) =>
          browser.framesDecoded > sides[i]!.browser.framesDecoded + 40 &&
          browser.audioEnergy > sides[i]!.browser.audioEnergy
        );
      });
    });

    await t.step(
      "every frame that left was encrypted: the worker counts what the browser sent",
      async () => {
        await Promise.all(both.map((tab) => tab.phone("hush")));
        const sides = await reports();
        say(figures(sides, `${name}, version ${version}`));
        for (const side of sides) {
          const { browser, worker, stats } = side;
          assert.ok(browser.audioPacketsSent > 40 && browser.videoFramesSent > 40);
          // With nothing on its way the counts are equal: an Opus packet is one frame, and the bytes
          // that the browser sent for it are the bytes that the worker sealed.
          assert.equal(worker.audioFrames, browser.audioPacketsSent);
          assert.equal(worker.audioBytes, browser.audioBytesSent);
          assert.equal(worker.videoFrames, browser.videoFramesSent);
          assert.equal(stats.framesProtected, browser.audioPacketsSent + browser.videoFramesSent);
          assert.ok(stats.framesOpened > 40);
          assert.deepEqual(stats.refused, {});
          assertNoFault(side);
        }
      },
    );

    const evidence = await Promise.all(both.map((tab) => tab.phone("evidence")));
    const during = await storedEntries(kv);
    await alice.tab.click("#hangup");
    assert.deepEqual((await bob.phone("ended")).reason, "ended");
    const files = await Promise.all([`${file}`, `${file}-wal`].map((path) => Deno.readFile(path)));
    const stored = [...during, ...await storedEntries(kv), ...files];
    // The page passed as well, and its source names what an SDP has.
    const relayed = [...liar.passed.filter((text) => !site.has(text)), ...liar.urls];
    const frames = sealedFrames(relayed);
    const seen = [...stored, ...relayed, ...service.faults];

    await t.step(
      "the frames of the call and the names of the devices are in what is searched",
      () => {
        const kinds = frames.map((frame) => [frame.t, ...messagesOf(frame).map((one) => one[0]!)]);
        const expected = [["ring", 0x11], ["signal", 0x12], ["signal", 0x13], ["signal", 0x30]];
        assert.deepEqual(kinds, expected);
        const device = textNeedle("a record", "the laptop of alice");
        assert.deepEqual(grep(relayed, [device]), ["a record"]);
        // Fresh rows are in the file or in its journal.
        for (const hay of [during, files]) assert.deepEqual(grep(hay, [device]), ["a record"]);
        assert.deepEqual(service.faults, []);
      },
    );

    await t.step("the service relayed and stored no description, candidate or certificate", () => {
      const descriptions = evidence.map(({ sdp }, i) => descriptionNeedles(`side ${i}`, sdp));
      assert.deepEqual(grep(seen, [...sdpNeedles(), ...descriptions.flat()]), []);
      for (const [i, needles] of descriptions.entries()) {
        const all = [...sdpNeedles(), ...needles];
        const found = grep([...seen, leftClear(frames[i]!, payloadOf(evidence[i]!, i))], all);
        assert.deepEqual(found, all.map(({ name }) => name), "left clear, it would be found");
      }
    });

    await t.step("the service relayed and stored no key", () => {
      const keys = keyNeedles(evidence);
      assert.deepEqual(grep(seen, keys), []);
      const clear = leftClear(frames[2]!, concat(...keys.map(({ bytes }) => bytes)));
      assert.deepEqual(grep([...seen, clear], keys), keys.map(({ name }) => name));
      for (const { extractable } of evidence) assert.equal(extractable, false);
    });

    await t.step(
      "a stack with the keys of another session decodes nothing of what arrives",
      async () => {
        await alice.call("carol");
        const look = () => Promise.all([alice, carol].map((tab) => tab.phone("report")));
        await until(async () =>
          (await look()).every(({ browser, stats }) =>
            browser.bytesReceived > 20_000 && refusedOf(stats) > 50
          )
        );
        for (const side of await look()) {
          assert.equal(side.state, "connected");
          assert.ok(side.browser.bytesReceived > 20_000);
          assert.equal(side.browser.framesDecoded, 0);
          assert.equal(side.browser.audioEnergy, 0);
          assert.equal(side.stats.framesOpened, 0);
          assert.deepEqual(Object.keys(side.stats.refused), ["bad_frame"]);
          assertNoFault(side);
        }
      },
    );

    assert.deepEqual([alice, bob, carol].flatMap(({ errors }) => errors), []);
  } finally {
    await close();
    await liar.close();
    await service.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** A page in a browser context of its own, which no other page shares anything with. */
interface Tab {
  readonly tab: Page;
  /** What the page did not catch. */
  readonly errors: readonly string[];
  /** Asks the page. */
  phone<Name extends "report" | "evidence" | "hush" | "ended">(
    name: Name,
  ): ReturnType<Phone[Name]>;
  /** Types a name and presses the button. */
  call(callee: string): Promise<void>;
}

async function openTab(
  browser: Browser,
  liar: Liar,
  label: string,
  keys: "own" | "stranger",
): Promise<Tab> {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(`${label}: ${error.message}`));
  await tab.goto(`${liar.url}/`);
  await tab.evaluate(`phone.open(${JSON.stringify(label)}, ${JSON.stringify(keys)})`);
  return {
    tab,
    errors,
    phone: ((name: string) => tab.evaluate(`phone.${name}()`)) as Tab["phone"],
    async call(callee) {
      await tab.fill("#callee", callee);
      await tab.click("#call");
    },
  };
}

/** Writes what the service is to serve into a folder; gives the texts of it. */
async function writeSite(folder: string): Promise<ReadonlySet<string>> {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/call_page.ts", import.meta.url)),
    bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  ]);
  const site = { "index.html": HTML, "page.js": page, "worker.js": worker };
  for (const [name, text] of Object.entries(site)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return new Set(Object.values(site));
}

/** What the side sealed: the caller an offer, the callee an answer. */
function payloadOf({ sdp }: Evidence, side: number): Bytes {
  const description = describe(sdp);
  return side === 1
    ? payloadToBytes({ kind: "answer", ...description, ...NO_GOSSIP })
    : payloadToBytes({
      kind: "offer",
      room: toBase64Url(randomBytes(16)),
      replaces: "",
      ...description,
      ...NO_GOSSIP,
    });
}

function keyNeedles(evidence: readonly Evidence[]): readonly Needle[] {
  const [epochSecret, same] = evidence.map((side) => fromHex(side.epochSecret));
  assert.equal(epochSecret!.length, 32);
  assert.deepEqual(epochSecret, same);
  const tapped = evidence.map(({ secrets }) => secrets);
  for (const secrets of tapped) {
    const kinds = new Set(secrets.map(({ name }) => name.split(",")[0]));
    for (const kind of ["X25519 private key", "Ed25519 private key", "AES key", "shared secret"]) {
      assert.ok(kinds.has(kind), `no ${kind} was tapped`);
    }
  }
  const others = tapped.flatMap((secrets, side) =>
    secrets.map(({ name, bytes }) => ({ name: `side ${side}: ${name}`, bytes: fromHex(bytes) }))
  );
  return [...callKeyNeedles(epochSecret!), ...others];
}

function figures(sides: readonly Report[], browser: string): string {
  const [caller, callee] = sides as [Report, Report];
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  return `${seconds(caller.pictureMs!)} s from the click to the first decoded frame, ` +
    `${
      seconds(Math.max(caller.playsMs!, callee.playsMs!))
    } s from connected to sound and picture ` +
    `on both sides; ${caller.stats.framesProtected} and ${callee.stats.framesProtected} frames ` +
    `sent, all encrypted; ${caller.browser.framesDecoded} and ${callee.browser.framesDecoded} ` +
    `pictures decoded; ${browser}`;
}

function assertNoFault({ errors }: Report): void {
  assert.deepEqual(errors, []);
}

function refusedOf({ refused }: Report["stats"]): number {
  return refused["bad_frame"] ?? 0;
}

/** Asks again until it is so. @throws Error when it is not within 15 s */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 15_000; performance.now() < end;) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("It did not happen in time");
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
