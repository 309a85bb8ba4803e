/**
 * The paths of the service.
 *
 * @module
 */

/** Where the service describes itself. */
export const WELL_KNOWN = "/.well-known/countersign";
/** Sign-in. */
export const TOKENS = "/v1/tokens";
/** The WebSocket. */
export const SOCKET = "/v1/ws";
/** The WebSocket's subprotocol. */
export const SUBPROTOCOL = "rooms.v1";

/** `PUT` registers a name. */
export function recordPath(label: string): string {
  return `/v1/directory/${encodeURIComponent(label)}`;
}

/** `GET` proves a name's record. */
export function proofPath(label: string): string {
  return `${recordPath(label)}/proof`;
}

/** `POST` also takes a one-time prekey of every device. */
export function bundlePath(label: string): string {
  return `${recordPath(label)}/bundle`;
}

/** `PUT` replaces a device's prekeys. */
export function prekeysPath(deviceId: number): string {
  return `/v1/keys/${deviceId}`;
}
