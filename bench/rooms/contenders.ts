/**
 * All that is measured, in the order of the report.
 *
 * @module
 */

import { bare } from "./bare.ts";
import { type Contender } from "./contender.ts";
import { countersign } from "./countersign.ts";
import { peerjs } from "./peerjs.ts";
import { socketIo } from "./socket_io.ts";
import { yWebrtc } from "./y_webrtc.ts";

/** The servers. */
export const contenders: readonly Contender[] = [
  countersign,
  peerjs,
  yWebrtc,
  ...socketIo,
  ...bare,
];
