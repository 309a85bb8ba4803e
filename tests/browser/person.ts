/**
 * Somebody in front of the demo page, in a browser of their own.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { type Browser, type Locator, type Page } from "playwright-core";
import { type Pages, readPages } from "../../routes/page.ts";
import { bundle } from "./harness.ts";

/** How long anything on a page may take, in milliseconds. */
const PATIENCE_MS = 10_000;

const DEMO = new URL("../../examples/demo/", import.meta.url);
const WORKER = new URL("../../client/adapters/browser_worker.ts", import.meta.url);

/** What `deno task build` makes, in a folder of its own. */
export async function builtPages(): Promise<Pages> {
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
export interface Person {
  readonly page: Page;
  part(name: string): Locator;
  /** Waits until a part is seen and its text matches. */
  says(name: string, text: RegExp, patienceMs?: number): Promise<void>;
  /** Sends the last ring to the page once more, as a service may. */
  ringAgain(): void;
  register(name: string): Promise<void>;
  online(): Promise<void>;
  call(name: string): Promise<void>;
  /** Waits until the picture of the peer moves and its sound is not silence. */
  seesAndHears(): Promise<void>;
  /** Takes sound and picture away from the senders of this page's calls, or gives them back. */
  send(on: boolean): Promise<void>;
  safetyNumber(): Promise<string[]>;
  /** The lines of what the server saw, without what only the two know. */
  relayed(): Promise<string[]>;
}

export async function openPerson(browser: Browser, url: string, errors: string[]): Promise<Person> {
  const context = await browser.newContext({ locale: "en-GB" });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  await page.addInitScript(keepConnections);
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // The browser also reports answers such as 404, which the page expects.
    const isOfPage = !message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && isOfPage) errors.push(message.text());
  });
  let ringAgain = () => {};
  await page.routeWebSocket("**/v1/ws", (socket) => {
    const server = socket.connectToServer();
    // What is added is numbered as a service would number it, and so is what follows.
    let [last, added] = [0, 0];
    const deliver = (frame: { t: string; seq?: number }): void => {
      if (frame.t !== "welcome" && frame.seq !== undefined) frame.seq = ++last;
      socket.send(JSON.stringify(frame));
    };
    server.onMessage((message) => {
      const frame = JSON.parse(String(message));
      if (frame.t === "welcome") last = frame.seq + added;
      deliver(frame);
      if (frame.t !== "ring") return;
      // Under another id: one that was seen would not even be looked at.
      ringAgain = () => {
        added++;
        // Only from here on: what a page says as it closes must not go a longer way than it does.
        socket.onMessage((message) => {
          const frame = JSON.parse(String(message));
          if (frame.t === "ack") frame.seq -= added;
          server.send(JSON.stringify(frame));
        });
        deliver({ ...frame, id: "again" });
      };
    });
  });
  await page.goto(url);
  const part = (name: string) => page.getByTestId(name);
  const person: Person = {
    page,
    part,
    says: (name, text, timeout = PATIENCE_MS) =>
      part(name).filter({ hasText: text, visible: true }).waitFor({ timeout }),
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
    send: (on) => page.evaluate(setSending, on),
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

type WithConnections = typeof globalThis & { connections: RTCPeerConnection[] };

/** Runs in the page before its script: keeps every connection within reach. */
function keepConnections(): void {
  const scope = globalThis as WithConnections;
  scope.connections = [];
  scope.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      scope.connections.push(this);
    }
  };
}

/** Runs in the page. */
async function setSending(on: boolean): Promise<void> {
  const kept = globalThis as WithConnections & { tracks?: (MediaStreamTrack | null)[] };
  const senders = kept.connections.at(-1)!.getSenders();
  kept.tracks ??= senders.map(({ track }) => track);
  await Promise.all(senders.map((sender, i) => sender.replaceTrack(on ? kept.tracks![i]! : null)));
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

/** Calls somebody, who takes the call. */
export async function connect(caller: Person, callee: Person): Promise<void> {
  const [label] = await callee.part("own-label").allInnerTexts();
  await caller.call(label!);
  await callee.part("accept").click();
  for (const person of [caller, callee]) {
    await person.says("state", /^Encrypted$/);
    await person.says("frames-opened", /^[1-9]/);
  }
}
