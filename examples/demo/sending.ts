/**
 * What this page sends in a call, and how that changes while it goes on: another microphone or camera, and the
 * screen in the camera's place.
 *
 * @module
 */

import { type BrowserAdapter } from "../../client/adapters/browser.ts";
import { CTX } from "../../client/mod.ts";
import { type LocalMedia } from "./media.ts";
import { type DeviceChoice } from "./state.ts";

/** What is sent in a call. */
export interface Sending {
  readonly media: LocalMedia;
  readonly adapter: BrowserAdapter;
  /** The screen, while it is shared. */
  screen: MediaStream | null;
}

/** Shares the screen, or no more; `onEnd` is told where the browser ends it. */
export async function toggleScreen(sending: Sending, onEnd: () => void): Promise<void> {
  const isShared = sending.screen !== null;
  stopScreen(sending);
  if (!isShared) {
    // Whoever changes their mind has shared nothing.
    sending.screen = await navigator.mediaDevices.getDisplayMedia({ video: true })
      .catch(() => null);
    sending.screen?.getVideoTracks()[0]?.addEventListener("ended", onEnd);
  }
  // In the camera's place: the other side shows one picture.
  const track = (sending.screen ?? sending.media.stream).getVideoTracks()[0] ?? null;
  await sending.adapter.setTrack(CTX.camera, track).catch(() => {});
}

/** Stops sharing the screen, and sends nothing else instead. */
export function stopScreen(sending: Sending): void {
  for (const track of sending.screen?.getTracks() ?? []) track.stop();
  sending.screen = null;
}

/** The microphones and cameras there are; none where a test picture is sent. */
export async function choicesOf(
  { stream, isCamera }: LocalMedia,
): Promise<readonly DeviceChoice[]> {
  if (!isCamera) return [];
  const used = stream.getTracks().map((track) => track.getSettings().deviceId);
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.flatMap(({ kind, deviceId, label }) => {
    if (kind === "audiooutput" || deviceId === "") return [];
    const isMicrophone = kind === "audioinput";
    return [{
      kind: isMicrophone ? "audio" as const : "video" as const,
      id: deviceId,
      name: label === "" ? isMicrophone ? "Microphone" : "Camera" : label,
      isUsed: used.includes(deviceId),
    }];
  });
}

/** Goes over to another microphone or camera. @throws Error of the browser; then nothing has changed */
export async function useDevice(
  sending: Sending,
  { kind, id }: Pick<DeviceChoice, "kind" | "id">,
): Promise<void> {
  const { stream } = sending.media;
  const before = stream.getTracks().filter((track) => track.kind === kind);
  const constraints = { ...before[0]?.getConstraints(), deviceId: { exact: id } };
  const opened = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  const track = opened.getTracks()[0]!;
  // Whoever is muted stays so.
  track.enabled = before[0]?.enabled ?? true;
  // A screen stands in the camera's place until it is taken away.
  if (kind === "audio" || sending.screen === null) {
    await sending.adapter.setTrack(kind === "audio" ? CTX.mic : CTX.camera, track);
  }
  for (const old of before) {
    stream.removeTrack(old);
    old.stop();
  }
  stream.addTrack(track);
}
