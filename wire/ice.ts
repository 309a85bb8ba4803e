/**
 * STUN and TURN servers, as `GET /v1/ice` gives them; the frame `ice` holds the same.
 *
 * @module
 */

import { type IceServer } from "./frames.ts";
import { asArray, asCount, asObject } from "./json.ts";
import { iceServerFromWire } from "./server_frame.ts";

/** Servers, and how long their credentials are good for. */
export interface IceWire {
  readonly servers: readonly IceServer[];
  /** Milliseconds from now. */
  readonly ttl_ms: number;
}

/** Most servers of one answer. */
const MAX_SERVERS = 32;

/** Reads servers. @throws WireError */
export function iceFromWire(value: unknown): IceWire {
  const { servers, ttl_ms } = asObject(value, "the answer");
  return {
    servers: asArray(servers, "servers", MAX_SERVERS).map(iceServerFromWire),
    ttl_ms: asCount(ttl_ms, "ttl_ms"),
  };
}

/** Whether a text is the URL of a STUN or TURN server (RFC 7064, RFC 7065). */
export function isIceUrl(text: string): boolean {
  const host = String.raw`([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?`;
  const form = new RegExp(`^(stuns?:${host}|turns?:${host}(\\?transport=(udp|tcp))?)$`, "i");
  return form.test(text);
}
