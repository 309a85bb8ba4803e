/**
 * The WebSocket endpoint of a service that may be one of several: where the others have given this
 * instance up, it begins again as a new one.
 *
 * @module
 */

import { type Cluster, openCluster } from "../core/cluster/cluster.ts";
import { type ClusterTiming } from "../core/cluster/timing.ts";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import { type Log, refusalOf } from "./problem.ts";
import { type Sockets } from "./sockets.ts";

/** The endpoint. */
export interface Signaling {
  /** Answers a request for a WebSocket. */
  accept: Sockets["accept"];
  /** Says goodbye to everybody. */
  drain(): Promise<void>;
  /** Drains, and stops. */
  close(): Promise<void>;
}

/** What it is made of. */
export interface SignalingOptions {
  readonly ctx: Context;
  /** Null for a single process. */
  readonly timing: ClusterTiming | null;
  readonly log: Log;
  readonly openSockets: (cluster: Cluster | undefined) => Sockets;
}

interface Begun {
  readonly sockets: Sockets;
  readonly cluster: Cluster | undefined;
}

/** How long the store is left alone where it does not let an instance begin again, in milliseconds. */
const PAUSE_MS = 1_000;

/** Opens the endpoint. @throws StoreError */
export async function openSignaling(options: SignalingOptions): Promise<Signaling> {
  const { ctx, timing, log } = options;
  let isClosing = false;
  let replacing: Promise<void> | null = null;
  let now = await begin();

  async function begin(): Promise<Begun> {
    if (timing === null) return { sockets: options.openSockets(undefined), cluster: undefined };
    const cluster = openCluster({
      kv: ctx.kv,
      timing,
      monotonic: () => performance.now(),
      resumes: ctx.keys.resumes,
      report: (error) => void refusalOf(error, log),
      say: log,
      onFenced: () => void (replacing ??= replace().finally(() => replacing = null)),
    });
    const sockets = options.openSockets(cluster);
    await cluster.begin(sockets.relay);
    return { sockets, cluster };
  }

  /** The others gave this instance up: whoever was here connects again. */
  async function replace(): Promise<void> {
    log("This instance did not renew its lease in time: it begins again as a new one");
    const { sockets, cluster } = now;
    await sockets.close();
    await cluster?.close();
    while (!isClosing) {
      try {
        now = await begin();
        return;
      } catch (error) {
        refusalOf(error, log);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  return {
    accept(request, arrival) {
      if (replacing !== null) throw new ServiceError("unavailable", "Connect again in a moment");
      return now.sockets.accept(request, arrival);
    },
    drain: () => now.sockets.close(),
    async close() {
      isClosing = true;
      await replacing;
      await now.sockets.close();
      await now.cluster?.close();
    },
  };
}
