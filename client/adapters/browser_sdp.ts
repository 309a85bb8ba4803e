/**
 * What a browser writes into its descriptions and another one refuses.
 *
 * Firefox 153 keeps the feedback of codecs that `setCodecPreferences` took out (`a=rtcp-fb:121` with no
 * payload type 121 in its m-line), and Chromium 156 then parses none of it.
 *
 * @module
 */

const ABOUT_PAYLOAD = /^a=(?:rtcp-fb|fmtp|rtpmap):(\d+) /;

/** The description without lines about payload types that its m-line does not have. */
export function withoutOrphans(sdp: string): string {
  let payloads: readonly string[] = [];
  return sdp.split("\r\n").filter((line) => {
    if (line.startsWith("m=")) payloads = line.split(" ").slice(3);
    const payload = ABOUT_PAYLOAD.exec(line)?.[1];
    return payload === undefined || payloads.includes(payload);
  }).join("\r\n");
}
