/**
 * One person, several tabs: only one is online. A link that opens another tab hands the name it
 * carries to the one that can call.
 *
 * @module
 */

import { type Model } from "./model.ts";
import { part } from "./parts.ts";

/** Takes the names that other tabs hand over; gives the function that hands one over. */
export function serveTabs(device: number, model: Model): (callee: string) => void {
  const channel = new BroadcastChannel(`countersign-${device}`);
  channel.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (typeof data !== "string" || model.get().presence !== "online") return;
    part("call-input", HTMLInputElement).value = data;
  });
  return (callee) => channel.postMessage(callee);
}
