/**
 * TURN servers (RFC 8656) and credentials at them, as the TURN REST API has it
 * (draft-uberti-behave-turn-rest-00) and coturn checks it with `--use-auth-secret`:
 *
 *     username    <end of life, Unix seconds>:<random>
 *     password    base64(HMAC-SHA-1(secret, username))
 *
 * The random part is fresh each time: a TURN server is told of no account, and sees not that two of
 * its allocations are the same person's.
 *
 * @module
 */

import { toBase64, toBase64Url } from "../crypto/base64.ts";
import { utf8 } from "../crypto/bytes.ts";
import { hmacSha1 } from "../crypto/hmac_sha1.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { Secret } from "../crypto/secret.ts";
import { type IceServer } from "../wire/frames.ts";
import { isIceUrl } from "../wire/ice.ts";
import { ICE_BURST, ICE_REFILL_MS, TURN_TTL_MS } from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { type Rate } from "./token_bucket.ts";

/** Most URLs: each is a server of its own to a browser, which slows gathering down. */
const MAX_URLS = 8;
const MIN_SECRET_CHARS = 16;
const USER_BYTES = 12;

/** How often one device asks for servers. */
export const ICE_RATE: Rate = { burst: ICE_BURST, refillMs: ICE_REFILL_MS };

/** The servers of a service. */
export interface TurnSettings {
  /** `stun:`, `stuns:`, `turn:` and `turns:` URLs. */
  readonly urls: readonly string[];
  /** What the TURN servers share with this service, or null where there are STUN servers alone. */
  readonly secret: Secret | null;
}

/** Servers as a client uses them. */
export interface TurnServers {
  /** Those that need no credentials, and those that do. */
  readonly servers: readonly IceServer[];
  /** Until when the credentials make allocations, Unix milliseconds. */
  readonly expiresMs: number;
}

/** The settings as they were written; empty and absent are the same. */
export interface TurnTexts {
  /** URLs, separated by commas. */
  readonly urls?: string | undefined;
  /** The secret itself. */
  readonly secret?: string | undefined;
  /** The path of a file that holds it. */
  readonly secretFile?: string | undefined;
}

/** The servers with fresh credentials of an hour; none where there are none. */
export function turnServers({ turn }: Pick<Context, "turn">, nowMs: number): TurnServers {
  const expiresMs = nowMs + TURN_TTL_MS;
  if (turn === null) return { servers: [], expiresMs };
  const { urls, secret } = turn;
  const [turns, stuns] = [
    urls.filter(needsCredentials),
    urls.filter((url) => !needsCredentials(url)),
  ];
  const servers: IceServer[] = stuns.length === 0 ? [] : [{ urls: stuns }];
  if (secret !== null && turns.length > 0) {
    const username = `${Math.floor(expiresMs / 1000)}:${toBase64Url(randomBytes(USER_BYTES))}`;
    const credential = toBase64(hmacSha1(secret.expose(), utf8(username)));
    servers.push({ urls: turns, username, credential });
  }
  return { servers, expiresMs };
}

/** The servers for somebody who signed in. @param asker counts their requests @throws ServiceError `rate_limited` */
export function issueIce(
  ctx: Pick<Context, "turn" | "ice" | "now">,
  asker: string,
): TurnServers {
  if (!ctx.ice.take(asker, ctx.now())) {
    throw new ServiceError("rate_limited", "Servers were asked for too often: use the last ones");
  }
  return turnServers(ctx, ctx.now());
}

/**
 * The servers of some settings, or null where there are none.
 *
 * @param readText reads a file
 * @throws Error with a sentence for the operator
 */
export async function readTurnSettings(
  texts: TurnTexts,
  readText: (path: string) => Promise<string>,
): Promise<TurnSettings | null> {
  const urls = (texts.urls ?? "").split(",").map((url) => url.trim()).filter((url) => url !== "");
  const [given, path] = [texts.secret || null, texts.secretFile || null];
  if (given !== null && path !== null) {
    throw new Error("COUNTERSIGN_TURN_SECRET and COUNTERSIGN_TURN_SECRET_FILE are one too many");
  }
  if (urls.some((url) => !isIceUrl(url)) || urls.length > MAX_URLS) {
    throw new Error(
      `COUNTERSIGN_TURN_URLS has to list URLs like turn:turn.example.org, at most ${MAX_URLS}`,
    );
  }
  const isNeeded = urls.some(needsCredentials);
  if (given === null && path === null) {
    if (isNeeded) throw new Error("COUNTERSIGN_TURN_SECRET is needed for turn: and turns: URLs");
    return urls.length === 0 ? null : { urls, secret: null };
  }
  if (!isNeeded) {
    throw new Error("COUNTERSIGN_TURN_SECRET has no effect without turn: or turns: URLs");
  }
  const secret = given ?? await readSecret(path!, readText);
  // Whoever signs in is given a name and its password: a short secret is found from them.
  if (secret.length < MIN_SECRET_CHARS) {
    throw new Error(`COUNTERSIGN_TURN_SECRET has to have ${MIN_SECRET_CHARS} characters or more`);
  }
  return { urls, secret: new Secret(utf8(secret)) };
}

async function readSecret(
  path: string,
  readText: (path: string) => Promise<string>,
): Promise<string> {
  try {
    return (await readText(path)).trim();
  } catch {
    throw new Error("COUNTERSIGN_TURN_SECRET_FILE names a file that can't be read");
  }
}

function needsCredentials(url: string): boolean {
  return /^turn/i.test(url);
}
