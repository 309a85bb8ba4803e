/**
 * Transports of mediasoup-client whose router sees no media: for a page that is bundled with
 * `mediasoup-client`.
 *
 * @module
 */

import { type types } from "mediasoup-client";
import { mediasoupMedia, type TrackOwner } from "../../client/adapters/mediasoup.ts";
import { type CallKeys, CTX } from "../../client/mod.ts";

/** What the application's server says of the transports that it made, and of what is produced. */
export interface Router {
  /** The way out. */
  readonly send: types.TransportOptions;
  /** The way in. */
  readonly receive: types.TransportOptions;
  /** Connects a transport, and produces; the application's own signalling. */
  connect(transport: types.Transport): void;
  /** Each producer of others, as it comes. */
  producers(): AsyncIterable<types.ConsumerOptions>;
}

/**
 * Sends microphone and camera, and shows everybody else.
 *
 * @param device loaded with the router's capabilities @param keys of the call
 * @param ownerOf whose a producer is and what it shows: not the server's word, but what its owner said
 * where the call is end-to-end encrypted, in a room of ours, say
 */
export async function takePart(
  device: types.Device,
  router: Router,
  keys: CallKeys,
  ownerOf: (producerId: string) => TrackOwner,
): Promise<void> {
  const media = mediasoupMedia({
    worker: () => new Worker("/worker.js", { type: "module" }),
    onFailure: (failure) => console.error("The media stopped:", failure),
  });
  const out = device.createSendTransport({ ...router.send, ...media.transport });
  const back = device.createRecvTransport({ ...router.receive, ...media.transport });
  for (const transport of [out, back]) router.connect(transport);
  await media.start(keys);

  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) {
    const ctx = track.kind === "audio" ? CTX.mic : CTX.camera;
    await out.produce({ track, onRtpSender: media.onRtpSender(ctx) });
  }
  for await (const options of router.producers()) {
    const onRtpReceiver = media.onRtpReceiver(ownerOf(options.producerId));
    const { track } = await back.consume({ ...options, onRtpReceiver });
    const element = document.createElement(track.kind) as HTMLMediaElement;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    await element.play();
  }
  media.close();
}
