/**
 * The process of our own service, as `main.ts` starts it, but for its limits on
 * frames, places and sockets: all load comes from one address and few senders here.
 *
 *     countersign_server.ts <port> <store>
 *
 * @module
 */

import { openService } from "../../routes/app.ts";
import { listenNode } from "../../routes/node_listener.ts";
import { ORIGIN, testSecret } from "../../tests/support/service_core.ts";
import { answerWeight } from "./weight.ts";

const MANY = Number.MAX_SAFE_INTEGER;
/** A rate that nobody reaches. */
const UNLIMITED = { burst: Number.MAX_SAFE_INTEGER, refillMs: 1e-6 };

const service = await openService({
  kv: await Deno.openKv(Deno.args[1]),
  isAlone: true,
  secret: testSecret(),
  origin: ORIGIN,
  publicOrigin: null,
  allowedOrigins: [],
  pages: new Map(),
  now: () => Date.now(),
  frames: UNLIMITED,
  allowance: { joins: UNLIMITED, deliveries: UNLIMITED, resumes: UNLIMITED },
  places: { lingering: MANY, lingeringPerPrefix: MANY, perPrefix: MANY },
  log: (line) => console.error(line),
});
await listenNode(service, { hostname: "127.0.0.1", port: Number(Deno.args[0]) }, console.error);
await answerWeight();
