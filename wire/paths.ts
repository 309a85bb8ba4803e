/**
 * The paths of the service.
 *
 * @module
 */

/** Where the service describes itself. */
export const WELL_KNOWN = "/.well-known/countersign";
/** The service's public keys, a JWK set (RFC 7517). */
export const JWKS = "/.well-known/jwks.json";
/** The HTTP API as an OpenAPI document. */
export const OPENAPI = "/openapi.json";
/** The WebSocket protocol as an AsyncAPI document. */
export const ASYNCAPI = "/asyncapi.json";
/** What the service counts. */
export const METRICS = "/metrics";
/** Sign-in. */
export const TOKENS = "/v1/tokens";
/** The WebSocket. */
export const SOCKET = "/v1/ws";
/** The WebSocket's subprotocol. */
export const SUBPROTOCOL = "rooms.v1";

/** `PUT` brings the next record of a name. */
export function recordPath(label: string): string {
  return `/v1/directory/${encodeURIComponent(label)}`;
}

/** `POST` asks the operator to reset a name. */
export function resetPath(label: string): string {
  return `${recordPath(label)}/reset`;
}

/** `GET` proves what the log has of a name; the query takes `from`, `known` and `through`. */
export function proofPath(label: string, query: Query = {}): string {
  return `${recordPath(label)}/proof${queryText(query)}`;
}

/** `GET` proves the same to the name's owner, who has no device of it: by recovery key, or authorized. */
export function ownerPath(label: string, query: Query = {}): string {
  return `${recordPath(label)}/owner${queryText(query)}`;
}

/** Numbers of a query; what is null is left out. */
type Query = Readonly<Record<string, number | null>>;

function queryText(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== null);
  const text = given.map(([name, value]) => `${name}=${value}`).join("&");
  return text === "" ? "" : `?${text}`;
}

/** `POST` also takes a one-time prekey of every device. */
export function bundlePath(label: string): string {
  return `${recordPath(label)}/bundle`;
}

/** `PUT` replaces a device's prekeys. */
export function prekeysPath(deviceId: number): string {
  return `/v1/keys/${deviceId}`;
}

/** `POST` asks whether the service holds the device's newest set. */
export const PREKEYS_CHECK = "/v1/keys/check";

/** `GET` reads the account's mailbox, waiting for up to `wait` milliseconds; `DELETE` behind it removes. */
export const MAILBOX = "/v1/mailbox";

/** `PUT` says who may write to the account without being asked. */
export const DELIVERY_TOKEN = "/v1/delivery-token";

/** `PUT` brings a device's push subscription, `DELETE` takes it away. */
export function pushPath(deviceId: number): string {
  return `/v1/push/${deviceId}`;
}

/** `GET` gives STUN and TURN servers. */
export const ICE = "/v1/ice";

/** `GET` reads what a side of a meeting of two devices has written; `PUT` behind it writes. */
export function linkPath(slot: string, side: "new" | "old"): string {
  return `/v1/links/${slot}/${side}`;
}

/** `POST` makes a managed room, `GET` lists one's own. */
export const ROOMS = "/v1/rooms";

/** `GET`, `PATCH` and `DELETE` a managed room. */
export function roomPath(room: string): string {
  return `${ROOMS}/${room}`;
}

/** `POST` makes an invite, `GET` lists them; `DELETE` behind it withdraws one. */
export function invitesPath(room: string): string {
  return `${roomPath(room)}/invites`;
}

/** `DELETE` withdraws an invite. @param key the public half of its key, base64url */
export function invitePath(room: string, key: string): string {
  return `${invitesPath(room)}/${key}`;
}

/** `POST` exchanges an invite for a room token, or renews one. */
export function roomTokensPath(room: string): string {
  return `${roomPath(room)}/tokens`;
}
