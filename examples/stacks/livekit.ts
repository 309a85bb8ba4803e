/**
 * A room of LiveKit whose server sees no media: for a page that is bundled with `livekit-client`.
 *
 *     const room = await joinRoom("wss://sfu.example", token, keys, (identity) => roster.get(identity) ?? null);
 *
 * @module
 */

import { Room } from "livekit-client";
import { livekitManager } from "../../client/adapters/livekit.ts";
import { type CallKeys } from "../../client/mod.ts";

/**
 * Joins, with microphone and camera.
 *
 * @param keys what the `start` of the adapter of a call was given, or made of the generations of a group
 * @param indexOf the place in the roster of who has a LiveKit identity: not the server's word, but the
 * application's, from whoever it gave the tokens to
 */
export async function joinRoom(
  url: string,
  token: string,
  keys: CallKeys,
  indexOf: (identity: string) => number | null,
): Promise<Room> {
  const manager = livekitManager({
    worker: () => new Worker("/worker.js", { type: "module" }),
    indexOf,
    onFailure: (failure) => {
      console.error("The media stopped:", failure);
      room.disconnect();
    },
  });
  // As `encryption`: the manager refuses to be `e2ee`, where data packets go in the clear.
  const room = new Room({ encryption: { e2eeManager: manager } });
  room.on("disconnected", () => manager.close());
  room.on("trackSubscribed", (track) => document.body.append(track.attach()));
  await room.connect(url, token);
  await manager.start(keys);
  await room.localParticipant.enableCameraAndMicrophone();
  return room;
}
