/**
 * The watchdog of the browser adapter: whether what an encoder made really went through the worker.
 *
 * The stack's counts are read first and the worker's after them, so frames under way never look
 * like a bypass. A sender bypasses its worker when
 *
 * - its transform, or its receiver's, is no longer the one that was set; or
 * - audio: `bytesSent - retransmittedBytesSent > bytes protected`. `bytesSent` has neither headers
 *   nor padding, an Opus packet is one frame, and the worker counts before it hands on; or
 * - video: `framesEncoded` grew between two looks and the worker was given no frame, twice in a
 *   row. Its bytes have payload descriptors and probes in them, so they prove nothing; frames that
 *   the browser drops before the transform would add up in a difference, but they do not come
 *   alone. Twice, because `getStats` may be older than the worker's count by less than one look.
 *
 * @module
 */

import { type MediaLine } from "./browser_lines.ts";
import { type SentCount } from "./browser_messages.ts";

/** Between two looks. A bypass is seen in the second after it began, or in the third for video. */
export const LOOK_MS = 500;

/** What the browser says a sender did so far. */
export interface SenderCount {
  /** Video frames out of the encoder, counted before the transform. */
  readonly encoded: number;
  /** Payload bytes sent, without retransmissions. */
  readonly bytes: number;
}

/** The counts of a sender, from `getStats`. */
export async function senderCount(sender: RTCRtpSender): Promise<SenderCount> {
  let encoded = 0;
  let bytes = 0;
  (await sender.getStats()).forEach((report) => {
    if (report.type !== "outbound-rtp") return;
    encoded += report.framesEncoded ?? 0;
    bytes += (report.bytesSent ?? 0) - (report.retransmittedBytesSent ?? 0);
  });
  return { encoded, bytes };
}

/** Whether anything of a line has come so far. */
export async function hasArrived({ transceiver }: MediaLine): Promise<boolean> {
  const reports = [...(await transceiver.receiver.getStats()).values()];
  // Padding comes as packets too, on any video line.
  return reports.some(({ type, framesReceived, packetsReceived }) =>
    type === "inbound-rtp" && (framesReceived ?? packetsReceived) > 0
  );
}

/** Watches one line: give each look's counts, the worker's asked for after the sender's. */
export function watchLine(
  line: Pick<MediaLine, "kind" | "isIntact">,
): (seen: SenderCount, worker: SentCount) => boolean {
  const { kind } = line;
  let encoded = 0;
  let frames = 0;
  let unseen = 0;
  return (seen, worker) => {
    if (!line.isIntact()) return true;
    if (kind === "audio") return seen.bytes > worker.bytes;
    unseen = seen.encoded > encoded && worker.frames === frames ? unseen + 1 : 0;
    encoded = seen.encoded;
    frames = worker.frames;
    return unseen === 2;
  };
}
