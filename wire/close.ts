/**
 * How a connection of `rooms.v1` ends: the WebSocket close codes (RFC 6455, section 7.4.2).
 *
 * 4000 to 4499 mean connect again, 4500 to 4999 mean stop.
 *
 * @module
 */

/** Every close code of the service. */
export const CLOSE = {
  /** This instance stops; another one, or the next, takes the connection up. */
  drain: 4000,
  /** Nothing came for two heartbeats. */
  heartbeat: 4001,
  /** The client reads too slowly. */
  slowConsumer: 4002,
  /** No sign-in within the deadline. */
  authDeadline: 4003,
  /** The token was not renewed. */
  tokenExpired: 4004,
  /** Too many frames, or too many resumes. */
  rateLimited: 4005,
  /** A fault of the service. */
  serverError: 4006,
  /** The connection goes on at another socket. */
  moved: 4007,
  /** A frame that can't be read. */
  malformed: 4500,
  /** Nobody signed in, or the sign-in was refused. */
  unauthenticated: 4501,
  /** The device was removed from its account. */
  revoked: 4502,
  /** The client itself opened this connection anew. */
  replaced: 4503,
  /** A guest was removed from the room that it was let into. */
  kicked: 4504,
  /** The same, for good. */
  banned: 4505,
  /** A frame that is too long. */
  tooLarge: 4507,
  /** The identity, or the address, has too many connections. */
  connectionLimit: 4508,
  /** The subprotocol is another one. */
  version: 4509,
  /** A page of another site. */
  origin: 4510,
} as const;

/** Whether a client should connect again after this close code. */
export function mayReconnect(closeCode: number): boolean {
  return closeCode < 4500;
}
