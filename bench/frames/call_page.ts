/**
 * A page that calls or answers, and says when its first picture was decoded.
 *
 * @module
 */

import { type MediaAdapter } from "../../client/adapter.ts";
import { browserAdapter } from "../../client/adapters/browser.ts";
import { Client } from "../../client/mod.ts";
import { memoryStore } from "../../client/store.ts";
import { plainAdapter } from "./plain_adapter.ts";

/** With frame encryption, or without. */
export type Mode = "encrypted" | "plain";

/** What `bench/frames/first_frame.ts` asks of the page. */
export interface Caller {
  /** Registers and goes online. */
  open(label: string): Promise<void>;
  /** Answers every call from now on. */
  answerAll(mode: Mode): void;
  /** Milliseconds from here to the first decoded picture; the call is over then. */
  call(label: string, mode: Mode): Promise<number>;
  /** The same between two connections of this page, which hand each other their descriptions. */
  bare(): Promise<number>;
}

function caller(): Caller {
  let client: Client | null = null;
  let answerMode: Mode = "plain";
  let media: MediaStream | null = null;

  return {
    async open(label) {
      media = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 320, height: 240 },
      });
      client = await Client.open({ service: location.origin, store: memoryStore() });
      await client.register(label, `the laptop of ${label}`);
      await client.goOnline();
    },
    answerAll(mode) {
      answerMode = mode;
      void answerAll(client!);
    },
    async call(label, mode) {
      const started = performance.now();
      const { adapter, picture } = adapterOf(mode);
      const call = await client!.call(label, adapter);
      const tookMs = await picture - started;
      await call.hangUp();
      return tookMs;
    },
    async bare() {
      const started = performance.now();
      const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
      const [toB, toA] = [a, b].map((from, i) => {
        from.onicecandidate = ({ candidate }) =>
          void [b, a][i]!.addIceCandidate(candidate ?? undefined);
        for (const track of media!.getTracks()) from.addTrack(track, media!);
        return pictureOf(from);
      });
      await a.setLocalDescription();
      await b.setRemoteDescription(a.localDescription!);
      await b.setLocalDescription();
      await a.setRemoteDescription(b.localDescription!);
      const tookMs = await toA! - started;
      await toB;
      for (const each of [a, b]) each.close();
      return tookMs;
    },
  };

  async function answerAll(client: Client): Promise<void> {
    for await (const incoming of client.incoming()) {
      await incoming.answer(adapterOf(answerMode).adapter);
    }
  }

  function adapterOf(mode: Mode): { adapter: MediaAdapter; picture: Promise<number> } {
    const seen = Promise.withResolvers<number>();
    const [audio, video] = [media!.getAudioTracks()[0]!, media!.getVideoTracks()[0]!];
    const onTrack = (track: MediaStreamTrack) => {
      if (track.kind === "video") play(track, seen.resolve);
    };
    const adapter = mode === "plain" ? plainAdapter(media!, onTrack) : browserAdapter({
      worker: () => new Worker("/worker.js"),
      audio,
      video,
      onTrack,
    });
    return { adapter, picture: seen.promise };
  }
}

/** When a connection shows its first picture. */
function pictureOf(connection: RTCPeerConnection): Promise<number> {
  return new Promise((resolve) => {
    connection.ontrack = ({ track }) => {
      if (track.kind === "video") play(track, resolve);
    };
  });
}

function play(track: MediaStreamTrack, onPicture: (ms: number) => void): void {
  const player = document.createElement("video");
  player.muted = true;
  player.srcObject = new MediaStream([track]);
  document.body.append(player);
  player.requestVideoFrameCallback((ms) => {
    player.remove();
    onPicture(ms);
  });
  player.play().catch(() => {});
}

Object.assign(globalThis, { caller: caller() });
