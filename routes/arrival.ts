/**
 * How a request came in: what a server knows of it beside the request itself.
 *
 * @module
 */

import { type Listening } from "./host.ts";
import { type Upgrade } from "./socket.ts";

/** The server's part of an exchange. */
export interface Arrival {
  /** Where the server listens. */
  readonly at: Listening;
  /** The address of whoever opened the connection, or null where it is unknown. */
  readonly peer: string | null;
  /** Makes a WebSocket of the request. */
  readonly upgrade: Upgrade;
}
