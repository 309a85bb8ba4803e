/**
 * A real stack for calls in which nobody says anything.
 *
 * @module
 */

import * as werift from "werift";
import { type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";

/** A fresh end of a connection. */
export function silentStack(): WeriftAdapter {
  return weriftAdapter({ werift, onFrame: () => {} });
}
