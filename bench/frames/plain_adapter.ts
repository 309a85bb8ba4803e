/**
 * A call without frame encryption, for comparison: the browser's WebRTC alone, tracks attached at once.
 *
 * @module
 */

import { type MediaAdapter } from "../../client/adapter.ts";
import { sha256 } from "../../crypto/primitives.ts";

const NO_COUNTS = {
  framesProtected: 0,
  bytesProtected: 0,
  framesOpened: 0,
  bytesOpened: 0,
  refused: {},
  duplicates: 0,
};

/** An adapter that ignores the keys that it is given. */
export function plainAdapter(
  media: MediaStream,
  onTrack: (track: MediaStreamTrack) => void,
): MediaAdapter {
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of media.getTracks()) connection.addTrack(track, media);
  connection.ontrack = ({ track }) => onTrack(track);
  return {
    onFailure: null,
    createOffer: describe,
    async createAnswer(offer) {
      await connection.setRemoteDescription({ type: "offer", sdp: offer });
      return await describe();
    },
    async acceptAnswer(answer) {
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
    },
    async connected() {
      await until(
        connection,
        "connectionstatechange",
        () => connection.connectionState === "connected",
      );
      const { transport } = connection.getSenders()[0]!;
      const isCertified = () => transport!.getRemoteCertificates().length > 0;
      await until(transport!, "statechange", isCertified);
      return [sha256(new Uint8Array(transport!.getRemoteCertificates()[0]!))];
    },
    start: () => Promise.resolve(),
    stats: () => Promise.resolve(NO_COUNTS),
    close: () => connection.close(),
  };

  async function describe(): Promise<string> {
    await connection.setLocalDescription();
    const isComplete = () => connection.iceGatheringState === "complete";
    await until(connection, "icegatheringstatechange", isComplete);
    return connection.localDescription!.sdp;
  }
}

function until(target: EventTarget, event: string, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (isDone()) resolve();
    };
    target.addEventListener(event, look);
    look();
  });
}
