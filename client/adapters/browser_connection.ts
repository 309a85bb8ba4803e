/**
 * A browser's connection for one call: opened so that nothing leaves it past a transform, described with
 * all its candidates, and waited for until DTLS has shown a certificate.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type MediaLine, peerCertificates, transportsOf } from "./browser_lines.ts";
import { withoutOrphans } from "./browser_sdp.ts";

const GATHERING_MS = 3_000;
const CERTIFICATE_MS = 2_000;

/** Opens a connection that sends nothing without a transform, where the browser can do that. */
export function openConnection(iceServers: readonly RTCIceServer[]): RTCPeerConnection {
  const configuration: RTCConfiguration & { encodedInsertableStreams: true } = {
    encodedInsertableStreams: true,
    bundlePolicy: "max-bundle",
    iceServers: [...iceServers],
  };
  return new RTCPeerConnection(configuration);
}

/** Sets and gives the local description, with its candidates. @param over ends the waiting */
export async function describe(
  connection: RTCPeerConnection,
  over: Promise<never>,
): Promise<string> {
  await connection.setLocalDescription();
  // After a restart it may still be said to be complete, of what was before.
  const isComplete = () =>
    connection.iceGatheringState === "complete" &&
    connection.localDescription!.sdp.includes("a=candidate:");
  const complete = until(connection, "icegatheringstatechange", isComplete);
  await Promise.race([complete, after(GATHERING_MS), over]);
  return withoutOrphans(connection.localDescription!.sdp);
}

/** Waits for DTLS; gives the hash of the peer's certificate on each transport. @throws Error if none */
export async function awaitCertificates(
  connection: RTCPeerConnection,
  lines: readonly MediaLine[],
  over: Promise<never>,
): Promise<readonly Bytes[]> {
  const isConnected = () => connection.connectionState === "connected";
  await Promise.race([until(connection, "connectionstatechange", isConnected), over]);
  // The connection may be said to stand a moment before its transports are.
  const certified = Promise.all(
    transportsOf(lines).map((transport) =>
      until(transport, "statechange", () => transport.getRemoteCertificates().length > 0)
    ),
  );
  await Promise.race([certified, after(CERTIFICATE_MS), over]);
  return peerCertificates(lines);
}

function until(target: EventTarget, event: string, isDone: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (isDone()) resolve();
    };
    target.addEventListener(event, look);
    look();
  });
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
