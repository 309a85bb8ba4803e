/**
 * A receiver without keys: a peer connection of the browser's own, that counts what comes in the clear.
 *
 * @module
 */

import { toHex } from "../../../crypto/bytes.ts";
import { FrameCryptor } from "../../../crypto/frame_cryptor.ts";
import { frameKid } from "../../../crypto/schedule.ts";
import { keysOf } from "../../support/call_keys.ts";
import { type ArrivedFrame } from "./clear_worker.ts";
import { NativeConnection } from "./party.ts";

/** What came so far. */
export interface Arrived {
  /** Frames of audio and of video that are none of ours: in the clear. */
  readonly clear: readonly [number, number];
  /** Frames of audio and of video that look like ours. */
  readonly sealed: readonly [number, number];
  /** Those that open with the keys, which the receiver itself does not have. */
  readonly opened: number;
  /** Pictures that its decoder made. */
  readonly decoded: number;
}

/** A receiver, and what came. */
export interface BareReceiver {
  /** Takes an offer, also a later one. */
  answer(offer: string): Promise<string>;
  look(): Promise<Arrived>;
  close(): void;
}

/** Opens a receiver. */
export function bareReceiver(): BareReceiver {
  const connection = new NativeConnection({ encodedInsertableStreams: true } as RTCConfiguration);
  const worker = new Worker("/clear_worker.js");
  const channel = new BroadcastChannel("arrived");
  const clear: [number, number] = [0, 0];
  const sealed: [number, number] = [0, 0];
  const seen = new Set<string>();
  let opened = 0;
  let turn: Promise<void> = Promise.resolve();
  const cryptor = holdingKeys();

  channel.onmessage = ({ data }: MessageEvent<ArrivedFrame>) => {
    const contents = toHex(data.bytes);
    // A browser that probes how much gets through sends frames again.
    if (seen.has(contents)) return;
    seen.add(contents);
    if (data.sealedAs.length === 0) clear[data.ctx]++;
    else {turn = turn.then(async () => {
        // Counted together with what comes of it, however late that is.
        const isOpened = await opens(data);
        sealed[data.ctx]++;
        if (isOpened) opened++;
      });}
  };
  const opens = async ({ ctx, sealedAs, bytes }: ArrivedFrame): Promise<boolean> => {
    for (const codec of sealedAs) {
      try {
        await (await cryptor).unprotect({ index: 0, ctx, codec }, new Uint8Array(bytes));
        return true;
      } catch {
        // Perhaps as another codec.
      }
    }
    return false;
  };
  return {
    async answer(offer) {
      await connection.setRemoteDescription({ type: "offer", sdp: offer });
      for (const [ctx, transceiver] of connection.getTransceivers().slice(0, 2).entries()) {
        // So that the other side has its `ontrack`.
        transceiver.direction = "sendrecv";
        const { receiver } = transceiver;
        receiver.transform ??= new RTCRtpScriptTransform(worker, { ctx });
      }
      await connection.setLocalDescription();
      while (connection.iceGatheringState !== "complete") {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return connection.localDescription!.sdp;
    },
    async look() {
      let decoded = 0;
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp") decoded += report.framesDecoded ?? 0;
      }
      await turn;
      return { clear: [...clear], sealed: [...sealed], opened, decoded };
    },
    close() {
      connection.close();
      worker.terminate();
      channel.close();
    },
  };
}

async function holdingKeys(): Promise<FrameCryptor> {
  const cryptor = new FrameCryptor();
  for (const ctx of [0, 1] as const) {
    const key = await keysOf("s", 1).recvKey(frameKid({ epoch: 1, step: 0 }, 0, ctx));
    cryptor.addRecvKey(key!);
  }
  return cryptor;
}
