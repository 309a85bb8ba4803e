/**
 * The browser adapter in a real browser: two of them in one page, with fake devices.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";
import { type MediaStats } from "../../client/adapter.ts";
import { bundle, openBrowser } from "./harness.ts";
import { keepsContractInPage } from "./page_stage.ts";
import { type Stories } from "./pages/adapter_page.ts";
import { type Side } from "./pages/party.ts";

const ORIGIN = "https://countersign.test";
const HTML = `<!doctype html><title>Countersign</title><body><script src="/page.js"></script>`;

Deno.test("the browser adapter in a real browser", async (t) => {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/adapter_page.ts", import.meta.url)),
    bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  ]);
  const { browser, close } = await openBrowser();
  const tell: Tell = (name, ...args) => tellIn(browser, page, worker, name, args);
  try {
    await t.step(
      "a call plays on both sides, and the worker counts what the browser sent",
      async () => {
        const { gated, played, ended, ...call } = await tell("call");
        say(`played after ${call.tookMs} ms`);
        assert.ok(played, JSON.stringify(ended));
        // The certificate that the peer presented is the one that its description named.
        assert.deepEqual(call.certificates, call.fingerprints.map((print) => [print]));
        for (const sdp of [call.offer, call.answer]) {
          assert.match(sdp, /^a=candidate:/m);
          const codecs = [...sdp.matchAll(/^a=rtpmap:\d+ ([^/]+)/gm)].map(([, name]) => name!);
          assert.deepEqual(new Set(codecs), new Set(["opus", "VP8", "VP9", "AV1", "H264", "rtx"]));
        }
        for (const side of gated) assertNothingSent(side);
        for (const { browser, stats, failures, tracks } of ended) {
          assert.deepEqual(failures, []);
          assert.deepEqual(tracks, ["audio 0", "video 1"]);
          assertNoneRefused(stats);
          assert.ok(browser.audioPacketsSent > 50);
          assert.equal(stats.framesProtected, browser.audioPacketsSent + browser.videoFramesSent);
        }
        const [a, b] = ended as [Side, Side];
        assert.equal(a.stats.framesOpened, b.stats.framesProtected);
        assert.equal(b.stats.framesOpened, a.stats.framesProtected);
        assert.equal(a.stats.bytesOpened, b.stats.bytesProtected);
        assert.deepEqual(call.closedStats, a.stats);
      },
    );

    await t.step(
      "what arrives before the start is dropped, and the call plays after it",
      async () => {
        const { before: [a, b], played, ended } = await tell("lateStart");
        assert.ok(a!.browser.videoPacketsSent > 0 && a!.browser.audioPacketsSent > 0);
        assertNothingSent(b!);
        assert.equal(b!.browser.framesDecoded, 0);
        assert.equal(b!.browser.audioEnergy, 0);
        assert.ok(played, JSON.stringify(ended));
        for (const { failures, stats } of ended) {
          assert.deepEqual(failures, []);
          // What came too early was dropped at the gate, not refused behind it.
          assertNoneRefused(stats);
        }
      },
    );

    await t.step(
      "frames under other keys are refused, and nothing of them is decoded",
      async () => {
        const { ended } = await tell("wrongKeys");
        for (const { browser, stats, failures } of ended) {
          assert.ok(browser.audioPacketsSent > 0 && browser.videoPacketsSent > 0);
          assert.equal(browser.framesDecoded, 0);
          assert.equal(browser.audioEnergy, 0);
          assert.equal(stats.framesOpened, 0);
          assert.ok(stats.refused["bad_frame"]! > 0);
          assert.deepEqual(failures, []);
        }
      },
    );

    for (const which of ["audio", "video"] as const) {
      await t.step(
        `taking the ${which} transform away stops all with bypass_detected`,
        async () => {
          const { played, noticed, tookMs, atFailure, ended, attached } = await tell(
            "transformTaken",
            which,
          );
          say(`noticed after ${tookMs} ms`);
          assert.ok(played && noticed);
          assert.deepEqual(ended.map(({ failures }) => failures), [["bypass_detected"], []]);
          assert.equal(attached, 0);
          assertSettled(atFailure, ended[0]!);
        },
      );

      await t.step(
        `${which} that is sent past its transform stops with bypass_detected`,
        async () => {
          const { noticed, tookMs, atFailure, ended } = await tell(
            "transformsIgnored",
            "sends_past_transforms",
            which,
          );
          const packets = packetsOf(ended[0]!);
          say(`noticed after ${tookMs} ms and ${packets} packets`);
          assert.ok(noticed, JSON.stringify(ended));
          assert.ok(packets > 0, "the quirk did not send in the clear");
          assert.deepEqual(ended.map(({ failures }) => failures), [["bypass_detected"], []]);
          assert.equal(ended[0]!.stats.framesProtected, 0);
          assert.equal(ended[1]!.browser.framesDecoded, 0);
          assertSettled(atFailure, ended[0]!);
        },
      );
    }

    await t.step("a Chromium that leaves a transform out sends nothing at all", async () => {
      const { ended } = await tell("transformsIgnored", "no_transforms", "video");
      assert.ok(ended[0]!.browser.videoFramesSent > 0, "the encoder did not run");
      assert.equal(packetsOf(ended[0]!), 0);
    });

    await t.step("without a worker that answers, nothing starts and nothing is sent", async () => {
      const { waiting, gated, tracks, outcome } = await tell("muteWorker");
      assert.equal(waiting, "waits");
      assert.equal(gated.audioPacketsSent + gated.videoPacketsSent, 0);
      assert.deepEqual(tracks, [null, null, null, null]);
      assert.equal(outcome, "The media was closed");
    });

    await t.step("an offer of other media is refused, and closing ends the waiting", async () => {
      assert.deepEqual(await tell("refusals"), {
        offer: "An offer must have audio, then video",
        connected: "The media was closed",
        failures: [],
      });
    });

    await t.step("WebCrypto has X25519 and Ed25519; ML-KEM-768 is used where it is", async () => {
      const has = await tell("webCrypto");
      say(`WebCrypto: ${JSON.stringify(has)}`);
      assert.ok(has.X25519 && has.Ed25519);
    });
  } finally {
    await close();
  }
});

Deno.test("the browser adapter keeps the contract of all adapters", async (t) => {
  await keepsContractInPage(t, "browser_page.ts");
});

type Story<Name extends keyof Stories> = Awaited<ReturnType<Stories[Name]>>;
type Tell = <Name extends keyof Stories>(
  name: Name,
  ...args: Parameters<Stories[Name]>
) => Promise<Story<Name>>;

/** Runs one story in a page of its own. */
async function tellIn<Name extends keyof Stories>(
  browser: Browser,
  page: string,
  worker: string,
  name: Name,
  args: unknown[],
): Promise<Story<Name>> {
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  // Answered here: the origin is a secure context, and nothing is served anywhere.
  await tab.route(`${ORIGIN}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    const script = pathname === "/page.js" ? page : pathname === "/worker.js" ? worker : null;
    return route.fulfill(
      script === null
        ? { contentType: "text/html", body: HTML }
        : { contentType: "text/javascript", body: script },
    );
  });
  await tab.goto(`${ORIGIN}/`);
  const call = `stories[${JSON.stringify(name)}](...${JSON.stringify(args)})`;
  const result = await tab.evaluate<Story<Name>>(call);
  await tab.close();
  assert.deepEqual(errors, []);
  return result;
}

function packetsOf({ browser }: Side): number {
  return browser.audioPacketsSent + browser.videoPacketsSent;
}

function assertNothingSent(side: Side): void {
  const { browser, stats } = side;
  assert.equal(packetsOf(side), 0);
  assert.equal(browser.framesDecoded, 0);
  assert.deepEqual(stats, {
    framesProtected: 0,
    bytesProtected: 0,
    framesOpened: 0,
    bytesOpened: 0,
    refused: {},
    duplicates: 0,
  });
}

/** Duplicates are counted apart: a retransmission that was not needed is one. */
function assertNoneRefused({ refused }: MediaStats): void {
  assert.deepEqual(refused, {});
}

/** Packets that were in the pacer at the failure may still leave; no more than that. */
function assertSettled(before: Side, after: Side): void {
  assert.ok(after.browser.audioPacketsSent - before.browser.audioPacketsSent <= 5);
  assert.ok(after.browser.videoPacketsSent - before.browser.videoPacketsSent <= 20);
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
