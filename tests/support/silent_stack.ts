/**
 * Real stacks for calls in which nobody says anything.
 *
 * @module
 */

import * as werift from "werift";
import { type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";

/** What makes the ends of one participant's connections. */
export function silentStacks(): () => WeriftAdapter {
  const cryptor = new FrameCryptor();
  return () => weriftAdapter({ werift, onFrame: () => {}, cryptor });
}
