/**
 * Calls: placing one, taking one, and following it to its end. It moves the model and nothing else;
 * there is one call at a time.
 *
 * @module
 */

import { browserAdapter } from "../../client/adapters/browser.ts";
import {
  type Call,
  type Client,
  ClientError,
  type IncomingCall,
  type MediaAdapter,
  type RingEnd,
} from "../../client/mod.ts";
import { createHistory } from "./history.ts";
import { type LocalMedia, openMedia } from "./media.ts";
import { type Model, newCall } from "./model.ts";
import { createPulse } from "./pulse.ts";
import { choicesOf, type Sending, stopScreen, toggleScreen, useDevice } from "./sending.ts";
import {
  type CallView,
  type DeviceChoice,
  type PeerView,
  type Trouble,
  type Unanswered,
} from "./state.ts";
import {
  ABOUT_THE_NAME,
  NO_DEVICE,
  NO_NAME,
  TOO_LONG,
  troubleOf,
  troubleOfEnd,
  troubleOfRing,
} from "./trouble.ts";
import { missingTexts, viewOf } from "./words.ts";

const LOOK_MS = 500;
/** Most lines of talk that are shown. */
const MAX_LINES = 200;
/** What a call may end with that is to stay in sight. */
const TO_DECIDE: ReadonlySet<string> = new Set(["identity_changed", "code_mismatch"]);

/** The actions of the page's user. */
export interface Phone {
  place(name: string): void;
  accept(): void;
  decline(): void;
  hangUp(): void;
  /** Hangs up because the page goes away; settles when the other side was told. */
  leave(): Promise<void>;
  toggleSound(): void;
  togglePicture(): void;
  toggleScreen(): void;
  /** Goes over to another microphone or camera. */
  use(choice: Pick<DeviceChoice, "kind" | "id">): void;
  /** Writes to the other side; whether it went out. */
  say(text: string): Promise<boolean>;
  /** Answers the question what to send without a camera. */
  decideMedia(useTest: boolean): void;
}

/** A call of this page, from the press of a button on. */
interface Line {
  readonly outgoing: boolean;
  /** Set by hanging up, also before there is a call. */
  over: boolean;
  media: LocalMedia | null;
  sending: Sending | null;
  call: Call | null;
}

/** Makes the phone of a client and lets it ring. @param onConnected told of each call once it is */
export function createPhone(
  client: Client,
  model: Model,
  onConnected: (call: Call) => void,
): Phone {
  let line: Line | null = null;
  let ringing: IncomingCall | null = null;
  let decided: (useTest: boolean) => void = () => {};

  void listen();
  void hearMissed();
  return {
    place: (name) => void place(name),
    accept: () => void accept(),
    decline: () => {
      const call = ringing;
      stopRinging();
      void call?.decline();
    },
    hangUp: () => void hangUp(),
    leave: () => hangUp(),
    toggleSound: () => toggle("muted", (stream) => stream.getAudioTracks()),
    togglePicture: () => toggle("cameraOff", (stream) => stream.getVideoTracks()),
    toggleScreen: () => void share(),
    use: (choice) => void use(choice),
    say,
    decideMedia: (useTest) => decided(useTest),
  };

  async function place(name: string): Promise<void> {
    if (line !== null) return;
    if (name.trim() === "") return model.goHome(NO_NAME);
    const own = begin(true, name.trim());
    try {
      // Whom the name belongs to is proven before the camera is opened.
      const peer = viewOf(await client.lookup(name));
      if (peer.label === client.label) {
        throw new ClientError("self_call", "Nobody calls themselves");
      }
      show(own, { peer, label: peer.label, progress: "preparing" });
      const adapter = await prepare(own);
      if (adapter === null) return finish(own, null);
      show(own, { progress: "calling" });
      await follow(own, await client.call(name, adapter));
    } catch (error) {
      finish(own, troubleOf(error));
    }
  }

  async function accept(): Promise<void> {
    const taken = ringing;
    const peer = model.get().incoming;
    if (taken === null || peer === null || line !== null) return;
    stopRinging();
    await take(taken, peer);
  }

  async function take(taken: IncomingCall, peer: PeerView): Promise<void> {
    const own = begin(false, peer.label);
    show(own, { peer, progress: "preparing" });
    let over: RingEnd | null = null;
    void taken.cancelled.then((end) => {
      over = end;
      if (own.call === null) decided(false);
    });
    try {
      const adapter = await prepare(own);
      if (adapter !== null) return await follow(own, await taken.answer(adapter));
      await taken.decline();
      // Unless it was declined just now, it ended while the media were chosen.
      finish(own, over === null || over === "declined" ? null : troubleOfRing(over, peer.label));
    } catch (error) {
      const isOver = error instanceof ClientError && error.code === "cancelled";
      finish(own, isOver && over !== null ? troubleOfRing(over, peer.label) : troubleOf(error));
    }
  }

  async function hangUp(): Promise<void> {
    if (line === null) return;
    line.over = true;
    decided(false);
    if (line.call !== null) await line.call.hangUp();
    else finish(line, null);
  }

  function begin(outgoing: boolean, label: string): Line {
    line = { outgoing, over: false, media: null, sending: null, call: null };
    model.set({ screen: { at: "call", call: newCall(label) } });
    return line;
  }

  /** Shows what became of a line, as long as it is the one on the screen. */
  function show(own: Line, changes: Partial<CallView>): void {
    if (line === own) model.setCall(changes);
  }

  /** Opens the media and makes an adapter of it; null where the user gave up meanwhile. */
  async function prepare(own: Line): Promise<MediaAdapter | null> {
    const media = await choose(own);
    if (media === null) return null;
    if (own.over) {
      media.stop();
      return null;
    }
    own.media = media;
    show(own, { local: media.stream, isCamera: media.isCamera });
    const iceServers = await client.iceServers();
    const remote = new MediaStream();
    const adapter = browserAdapter({
      worker: () => new Worker("/worker.js", { type: "module" }),
      audio: media.stream.getAudioTracks()[0] ?? null,
      video: media.stream.getVideoTracks()[0] ?? null,
      iceServers,
      onTrack: (track) => {
        // A shared screen is shown in the camera's place while it is there.
        if (track.kind === "video") {
          for (const old of remote.getVideoTracks()) remote.removeTrack(old);
        }
        remote.addTrack(track);
        show(own, { remote });
      },
    });
    own.sending = { media, adapter, screen: null };
    void showChoices(own);
    return adapter;
  }

  async function choose(own: Line): Promise<LocalMedia | null> {
    const label = client.label ?? "";
    if (own.over) return null;
    try {
      return await openMedia(model.get().source, label);
    } catch (error) {
      if (own.over) return null;
      model.set({ mediaProblem: troubleOf(error).text });
      const useTest = await new Promise<boolean>((resolve) => decided = resolve);
      model.set({ mediaProblem: null });
      if (!useTest) return null;
      model.set({ source: "test" });
      return await openMedia("test", label);
    }
  }

  async function follow(own: Line, call: Call): Promise<void> {
    own.call = call;
    if (own.over) await call.hangUp();
    let beats = createPulse();
    const sample = createHistory();
    void hear(own, call);
    void client.headSize().then((logSize) => show(own, { logSize }), () => {});
    const look = async () => {
      const stats = await call.stats();
      const stalled = call.state === "connected" && !beats(stats.framesOpened);
      const samples = sample(stats, performance.now());
      const epoch = call.epoch === 0 ? null : call.epoch;
      const path = await own.sending?.adapter.path() ?? null;
      show(own, { stats, stalled, samples, epoch, path, relayed: [...call.relayed] });
    };
    const timer = setInterval(() => void look(), LOOK_MS);
    try {
      for await (const progress of call.states()) {
        const connected = progress === "connected" ? { connectedMs: Date.now() } : {};
        if (progress === "connected") {
          beats = createPulse();
          onConnected(call);
        }
        show(own, { progress, relayed: [...call.relayed], ...connected });
      }
      await look();
    } finally {
      clearInterval(timer);
    }
    finish(own, troubleOfEnd(await call.ended, call.peer.label));
  }

  async function hear(own: Line, call: Call): Promise<void> {
    const { label } = call.peer;
    for await (const { text, missing } of call.said()) {
      if (missing > 0) talk(own, null, missingTexts(missing, label));
      talk(own, label, text);
    }
  }

  async function say(text: string): Promise<boolean> {
    if (line?.call == null || text.trim() === "") return false;
    const own = line;
    try {
      await line.call.say(text);
      talk(own, client.label ?? "", text);
      return true;
    } catch (error) {
      const isTooLong = error instanceof ClientError && error.code === "bad_option";
      model.notify(isTooLong ? TOO_LONG : troubleOf(error));
      return false;
    }
  }

  function talk(own: Line, from: string | null, text: string): void {
    const { screen } = model.get();
    if (screen.at !== "call") return;
    show(own, { talk: [...screen.call.talk, { from, text }].slice(-MAX_LINES) });
  }

  async function share(): Promise<void> {
    const own = line;
    if (own?.sending == null) return;
    await toggleScreen(own.sending, () => void share());
    // It may have ended while the user chose.
    if (line !== own) stopScreen(own.sending);
    show(own, { sharing: own.sending.screen !== null });
  }

  async function use(choice: Pick<DeviceChoice, "kind" | "id">): Promise<void> {
    const own = line;
    if (own?.sending == null) return;
    try {
      await useDevice(own.sending, choice);
    } catch {
      model.notify(NO_DEVICE);
    }
    // It may have ended while the browser opened it.
    if (line !== own) own.media?.stop();
    await showChoices(own);
  }

  async function showChoices(own: Line): Promise<void> {
    if (own.media !== null) show(own, { choices: await choicesOf(own.media) });
  }

  /** Turns the media off and shows how it ended; null goes home without a word. */
  function finish(own: Line, trouble: Trouble | null): void {
    own.media?.stop();
    if (own.sending !== null) stopScreen(own.sending);
    if (line !== own) return;
    line = null;
    const { screen } = model.get();
    if (screen.at !== "call") return;
    const { call } = screen;
    // What somebody must decide about stays in sight after the call.
    if (trouble !== null && TO_DECIDE.has(trouble.code)) model.raise(call.label, trouble);
    if (trouble === null || ABOUT_THE_NAME.has(trouble.code)) {
      return model.goHome(trouble);
    }
    const seconds = call.connectedMs === null ? 0 : (Date.now() - call.connectedMs) / 1000;
    const end = { label: call.label, outgoing: own.outgoing, trouble, seconds, stats: call.stats };
    model.set({ screen: { at: "ended", end } });
  }

  function toggle(
    which: "muted" | "cameraOff",
    tracksOf: (stream: MediaStream) => MediaStreamTrack[],
  ): void {
    const { screen } = model.get();
    if (screen.at !== "call" || screen.call.local === null) return;
    const off = !screen.call[which];
    // A track that is not enabled is sent as silence, or black.
    for (const track of tracksOf(screen.call.local)) track.enabled = !off;
    model.setCall({ [which]: off });
  }

  async function listen(): Promise<void> {
    for await (const call of client.incoming()) {
      const peer = viewOf(call.peer);
      if (call.continues !== null) {
        // They called in the same moment, or came back: what this one takes the place of is over.
        if (line !== null) line.over = true;
        void take(call, peer);
        continue;
      }
      if (line !== null || ringing !== null || model.get().screen.at === "group") {
        miss(peer, "busy");
        await call.decline("busy");
        continue;
      }
      ringing = call;
      model.set({ incoming: peer });
      void call.cancelled.then((end) => {
        if (ringing !== call) return;
        stopRinging();
        miss(peer, end);
      });
    }
  }

  /** Calls of while no device was there: the service's word, which nothing proves. */
  async function hearMissed(): Promise<void> {
    for await (const { label } of client.missedCalls()) miss({ label }, "away");
  }

  function stopRinging(): void {
    ringing = null;
    model.set({ incoming: null });
  }

  function miss({ label }: Pick<PeerView, "label">, end: Unanswered["end"]): void {
    model.set({ unanswered: [...model.get().unanswered, { label, end }] });
  }
}
