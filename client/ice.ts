/**
 * STUN and TURN servers of the service, with credentials that are asked for again in time.
 *
 * A server that the service names carries what is encrypted already, and sees addresses, as the service
 * does; so nothing of it is verified but its form.
 *
 * @module
 */

import { iceFromWire, isIceUrl } from "../wire/ice.ts";
import { ICE } from "../wire/paths.ts";
import { toClientError } from "./error.ts";
import { signerOf, type World } from "./world.ts";

/** A STUN or TURN server, as WebRTC stacks take it. */
export interface IceServer {
  /** Its URL. */
  urls: string;
  /** The name at a TURN server. */
  username?: string;
  /** The password at a TURN server. */
  credential?: string;
}

/** Servers that were asked for. */
export interface HeldIce {
  /** By whom. */
  readonly label: string;
  readonly servers: readonly IceServer[];
  /** From when on others are asked for, Unix milliseconds. */
  readonly staleMs: number;
}

/** The part of their life for which credentials are used: a call that begins then has the rest. */
const USED_PART = 0.8;

/** The servers that are held, or fresh ones where they are stale or of another account. @throws ClientError */
export async function freshIce(world: World, held: HeldIce | null): Promise<HeldIce> {
  const { label } = world.account;
  const askedMs = world.now();
  if (held !== null && held.label === label && askedMs < held.staleMs) return held;
  const answer = await world.http.signed(signerOf(world), "GET", ICE);
  try {
    const { servers, ttl_ms } = iceFromWire(answer);
    const flat = servers.flatMap(({ urls, username, credential }) =>
      // One that cannot be read would have a stack refuse all.
      urls.filter(isIceUrl).map((url): IceServer =>
        username === undefined || credential === undefined
          ? { urls: url }
          : { urls: url, username, credential }
      )
    );
    return { label, servers: flat, staleMs: askedMs + ttl_ms * USED_PART };
  } catch (error) {
    throw toClientError(error, "bad_answer");
  }
}
