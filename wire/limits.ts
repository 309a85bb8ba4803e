/**
 * Every limit of the service, in its units. Published in `/.well-known/countersign` and `welcome`.
 *
 * @module
 */

/** Longest HTTP request body in bytes. */
export const MAX_BODY_BYTES = 65_536;
/** Longest WebSocket frame in bytes. */
export const MAX_FRAME_BYTES = 32_768;
/** Longest frame before a socket has authenticated, in bytes. */
export const MAX_FIRST_FRAME_BYTES = 8_192;
/** Longest opaque payload of a `signal`, in bytes before base64url. */
export const MAX_CT_BYTES = 20_480;
/** How long a socket has to authenticate, in milliseconds. */
export const AUTH_DEADLINE_MS = 5_000;
/** Life of an access token, in milliseconds. */
export const TOKEN_TTL_MS = 600_000;
/** How long a live socket may outlast its token, in milliseconds. */
export const TOKEN_GRACE_MS = 60_000;
/** Life of a DPoP nonce, and how far a proof's clock may be off, in milliseconds. */
export const PROOF_TTL_MS = 60_000;
/** Most members of a room. */
export const MAX_ROOM_MEMBERS = 250;
/** Most rooms of one connection. */
export const MAX_ROOMS_PER_CONNECTION = 20;
/** Most connections of one account. */
export const MAX_CONNECTIONS_PER_ACCOUNT = 10;
/** Most targets of one `signal` that lists them. */
export const MAX_SIGNAL_TARGETS = 16;
/** Steady frames a second of one connection. */
export const FRAMES_PER_SECOND = 30;
/** Frames of one connection at once. */
export const FRAME_BURST = 120;
/** How often the service pings a silent socket, in milliseconds. */
export const HEARTBEAT_MS = 20_000;
/** Bytes that may wait for a slow reader before it is cut off. */
export const MAX_BUFFERED_BYTES = 1_048_576;
/** Length of a room id in bytes. */
export const ROOM_ID_BYTES = 16;
/** Longest idempotency key of a frame, in characters. */
export const MAX_FRAME_ID_CHARS = 64;
