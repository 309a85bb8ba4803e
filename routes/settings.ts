/**
 * The service's settings: texts in, settings out, or one sentence about what the operator has to put
 * right. What needs more than its own text is read further where it is used.
 *
 *     COUNTERSIGN_HOST             127.0.0.1        where to listen
 *     COUNTERSIGN_PORT             8787             0 takes any free port
 *     COUNTERSIGN_DATA             ./data           folder of the store and the secret
 *     COUNTERSIGN_KV               <data>/countersign.sqlite    another file, `:memory:`, or the URL of
 *                                                   a denokv server, which several instances share
 *     DENO_KV_ACCESS_TOKEN         none             the token for that server; Deno itself reads it
 *     COUNTERSIGN_SECRET           <data>/secret    32 bytes, base64url; the file is made if missing
 *     COUNTERSIGN_ORIGIN           localhost/kt/1   the log's origin; never changes for a store
 *     COUNTERSIGN_PUBLIC_URL       as it listens    the clients' URL; needed beyond loopback
 *     COUNTERSIGN_ALLOWED_ORIGINS  none             other sites that may open sockets, with commas
 *     COUNTERSIGN_TRUSTED_PROXIES  none             who is believed about `X-Forwarded-For`, with commas
 *     COUNTERSIGN_SOCKETS          ws               whose WebSockets: ws, or native as on Deno Deploy
 *     COUNTERSIGN_NAMES            open             who may take a name: open, grant or oidc
 *     COUNTERSIGN_NAMES_JWKS       none             keys of who vouches for names: URL, file or JSON
 *     COUNTERSIGN_NAMES_ISSUER     none             the `iss` of their tokens
 *     COUNTERSIGN_NAMES_AUDIENCE   none             the `aud` of ID tokens
 *     COUNTERSIGN_NAMES_CLAIM      email            the claim of ID tokens that is the name
 *     COUNTERSIGN_ROOMS_JWKS       none             keys of who makes room tokens: URL, file or JSON
 *     COUNTERSIGN_ROOMS_ISSUER     none             the `iss` of those tokens
 *     COUNTERSIGN_WITNESS_POLICY   none             a file: who cosigns the log's heads (C2SP tlog-policy)
 *     COUNTERSIGN_AUDITORS         none             which of them are auditors, by name, with commas
 *     COUNTERSIGN_CONTACT          none             whom push services may write to; no Web Push without
 *     COUNTERSIGN_PUSH_HOSTS       the browsers'    push services, with commas
 *     COUNTERSIGN_TURN_URLS        none             turn:, turns:, stun: and stuns: URLs, with commas
 *     COUNTERSIGN_TURN_SECRET      none             what the TURN servers share with this service
 *     COUNTERSIGN_TURN_SECRET_FILE none             a file that holds it
 *     COUNTERSIGN_PQ               none             1: heads are signed with ML-DSA-44 too
 *     COUNTERSIGN_METRICS          none             1: /metrics is served, to whoever reaches it
 *     COUNTERSIGN_LOG              text             json: one line of JSON for each event
 *
 * @module
 */

import { type NameSettings } from "../core/name_settings.ts";
import { type PushTexts } from "../core/push_settings.ts";
import { type RoomSettings } from "../core/room_settings.ts";
import { type TurnTexts } from "../core/turn.ts";
import { type WitnessTexts } from "../core/witness_settings.ts";
import { MAX_ORIGIN_BYTES } from "../crypto/checkpoint.ts";
import { isKeyName } from "../crypto/note_key.ts";
import { readProxies, type TrustedProxies } from "./client_address.ts";

/** What a service is started with. */
export interface Settings {
  readonly hostname: string;
  readonly port: number;
  readonly data: string;
  /** A file, `:memory:`, the URL of a server, or null for the platform's own. */
  readonly store: string | null;
  /** Whether several instances work on the store. */
  readonly isShared: boolean;
  /** Base64url, or null for the file. */
  readonly secret: string | null;
  readonly origin: string;
  readonly publicOrigin: string | null;
  readonly allowedOrigins: readonly string[];
  readonly trustedProxies: TrustedProxies;
  readonly isNative: boolean;
  readonly names: NameSettings;
  readonly rooms: RoomSettings;
  readonly witnesses: WitnessTexts;
  readonly isPostQuantum: boolean;
  readonly hasMetrics: boolean;
  readonly push: PushTexts;
  readonly turn: TurnTexts;
}

/**
 * Reads the settings.
 *
 * @param env a variable, or undefined where it is not set
 * @throws Error with a sentence for the operator
 */
export function readSettings(env: (name: string) => string | undefined): Settings {
  const data = env("COUNTERSIGN_DATA") || "./data";
  const origin = env("COUNTERSIGN_ORIGIN") || "localhost/kt/1";
  if (
    !isKeyName(origin) || !/^[^/]+\/kt\/[0-9]+$/.test(origin) || origin.length > MAX_ORIGIN_BYTES
  ) {
    throw new Error("COUNTERSIGN_ORIGIN has to look like example.org/kt/1");
  }
  const hostname = env("COUNTERSIGN_HOST") || "127.0.0.1";
  const publicUrl = env("COUNTERSIGN_PUBLIC_URL") || null;
  if (publicUrl === null && !/^(localhost|127(\.[0-9]{1,3}){3}|::1)$/.test(hostname)) {
    throw new Error("COUNTERSIGN_PUBLIC_URL is needed where COUNTERSIGN_HOST is not loopback");
  }
  // Deno Deploy has one store for all isolates, and says in either of these that it is it.
  const isDeploy = Boolean(env("DENO_DEPLOYMENT_ID") || env("DENO_DEPLOY"));
  const store = env("COUNTERSIGN_KV") || (isDeploy ? null : `${data}/countersign.sqlite`);
  const isServer = store !== null && /^https?:/i.test(store);
  if (isServer) requireStoreUrl(store, env("DENO_KV_ACCESS_TOKEN"));
  return {
    hostname,
    port: portOf(env("COUNTERSIGN_PORT") || "8787"),
    data,
    store,
    isShared: isServer || store === null,
    secret: env("COUNTERSIGN_SECRET") || null,
    origin,
    publicOrigin: publicUrl === null ? null : originOf(publicUrl, "COUNTERSIGN_PUBLIC_URL"),
    allowedOrigins: (env("COUNTERSIGN_ALLOWED_ORIGINS") ?? "").split(",")
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map((text) => originOf(text, "COUNTERSIGN_ALLOWED_ORIGINS")),
    trustedProxies: proxiesOf(env("COUNTERSIGN_TRUSTED_PROXIES") ?? ""),
    isNative: isNative(env("COUNTERSIGN_SOCKETS") || null, env("DENO_DEPLOYMENT_ID")),
    names: {
      names: env("COUNTERSIGN_NAMES"),
      jwks: env("COUNTERSIGN_NAMES_JWKS"),
      issuer: env("COUNTERSIGN_NAMES_ISSUER"),
      audience: env("COUNTERSIGN_NAMES_AUDIENCE"),
      claim: env("COUNTERSIGN_NAMES_CLAIM"),
    },
    rooms: {
      jwks: env("COUNTERSIGN_ROOMS_JWKS"),
      issuer: env("COUNTERSIGN_ROOMS_ISSUER"),
    },
    witnesses: {
      policy: env("COUNTERSIGN_WITNESS_POLICY"),
      auditors: env("COUNTERSIGN_AUDITORS"),
    },
    isPostQuantum: isOn(env("COUNTERSIGN_PQ") || "0", "COUNTERSIGN_PQ"),
    hasMetrics: isOn(env("COUNTERSIGN_METRICS") || "0", "COUNTERSIGN_METRICS"),
    push: { contact: env("COUNTERSIGN_CONTACT"), hosts: env("COUNTERSIGN_PUSH_HOSTS") },
    turn: {
      urls: env("COUNTERSIGN_TURN_URLS"),
      secret: env("COUNTERSIGN_TURN_SECRET"),
      secretFile: env("COUNTERSIGN_TURN_SECRET_FILE"),
    },
  };
}

function proxiesOf(text: string): TrustedProxies {
  const proxies = readProxies(text);
  if (proxies !== null) return proxies;
  throw new Error(
    "COUNTERSIGN_TRUSTED_PROXIES has to be addresses, or networks like 10.0.0.0/8, with commas",
  );
}

function isNative(text: string | null, deployment: string | undefined): boolean {
  if (text === null) return deployment !== undefined;
  if (text !== "ws" && text !== "native") {
    throw new Error("COUNTERSIGN_SOCKETS has to be ws or native");
  }
  return text === "native";
}

/** Requires a denokv server that nobody listens in on. */
function requireStoreUrl(text: string, token: string | undefined): void {
  const url = URL.parse(text);
  const isSafe = url !== null &&
    (url.protocol === "https:" || /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/.test(url.hostname));
  if (!isSafe) {
    throw new Error("COUNTERSIGN_KV has to be https:// where the server is not on loopback");
  }
  if (!token) throw new Error("DENO_KV_ACCESS_TOKEN is needed for a denokv server");
}

function isOn(text: string, name: string): boolean {
  if (text !== "0" && text !== "1") throw new Error(`${name} has to be 0 or 1`);
  return text === "1";
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65_535)) throw new Error("COUNTERSIGN_PORT has to be a number up to 65535");
  return port;
}

function originOf(text: string, name: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.pathname === "/" && url.search === "" && url.hash === "";
  if (!isOrigin) throw new Error(`${name} has to be like https://example.org, without a path`);
  return url.origin;
}
