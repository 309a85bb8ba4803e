/**
 * What a service saw of a call: every frame that it relayed and every byte that it stored, and how a
 * frame would look whose payload somebody forgot to seal.
 *
 * @module
 */

import { serialize } from "node:v8";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { decodeAnswer, decodeConfirm, decodeOffer } from "../../crypto/handshake_message.ts";
import { pad } from "../../crypto/padding.ts";
import { TAG_BYTES } from "../../crypto/primitives.ts";
import { BOX_HEADER_BYTES } from "../../crypto/ratchet.ts";
import { type ClientFrame } from "../../wire/client_frames.ts";

/** The frames that carry what clients seal for each other, as a client sends them. */
export type SealedFrame = Extract<ClientFrame, { readonly t: "ring" | "signal" }>;

/** The frames with something sealed in them, among the texts that passed on their way up. */
export function sealedFrames(passed: readonly string[]): readonly SealedFrame[] {
  return passed.filter((text) => text.startsWith("{")).flatMap((text) => {
    const frame = JSON.parse(text) as { readonly t?: string; readonly seq?: number };
    // A frame that has a number went down: the same again.
    const isSealed = (frame.t === "ring" || frame.t === "signal") && frame.seq === undefined;
    return isSealed ? [frame as SealedFrame] : [];
  });
}

/** The opaque messages of a frame. */
export function messagesOf(frame: SealedFrame): readonly Bytes[] {
  const texts = frame.t === "ring" ? frame.offers.map(({ offer }) => offer) : [frame.ct];
  return texts.map((text) => fromBase64Url(text)!);
}

/** How long the padded payload inside a message is, in bytes. */
export function paddedBytes(message: Bytes): number {
  return boxOf(message).length - BOX_HEADER_BYTES - TAG_BYTES;
}

/** The same frame with this payload in it, padded but not sealed, in the place of the sealed one. */
export function leftClear(frame: SealedFrame, payload: Bytes): string {
  const padded = pad(payload);
  const clear = messagesOf(frame).map((message) => {
    const before = message.length - TAG_BYTES - paddedBytes(message);
    const leaking = new Uint8Array(before + padded.length + TAG_BYTES);
    leaking.set(message.subarray(0, before));
    leaking.set(padded, before);
    leaking.set(message.subarray(message.length - TAG_BYTES), before + padded.length);
    return toBase64Url(leaking);
  });
  return JSON.stringify(
    frame.t === "signal"
      ? { ...frame, ct: clear[0] }
      : { ...frame, offers: frame.offers.map((offer, i) => ({ ...offer, offer: clear[i] })) },
  );
}

/** Every entry of a store, keys and values, in the form in which the store keeps values. */
export async function storedEntries(kv: Deno.Kv): Promise<Bytes[]> {
  const entries: Bytes[] = [];
  for await (const { key, value } of kv.list({ prefix: [] })) {
    entries.push(new Uint8Array(serialize([key, value])));
  }
  return entries;
}

function boxOf(message: Bytes): Bytes {
  switch (message[0]) {
    case 0x11:
      return decodeOffer(message).box;
    case 0x12:
      return decodeAnswer(message).box;
    case 0x13:
      return decodeConfirm(message).box as Bytes;
    default:
      return message;
  }
}
