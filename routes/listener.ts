/**
 * Listening with the runtime's own server, which is what there is on Deno Deploy.
 *
 * It listens for as long as it is wanted: the runtime's server ends when it cannot accept, as where
 * the process has no descriptor left, and would take the process with it.
 *
 * @module
 */

import { type Service } from "./app.ts";
import { type Listening } from "./host.ts";
import { type Log } from "./problem.ts";
import { nativeUpgrade } from "./socket_native.ts";

/** A service that listens. */
export interface Listener {
  /** Where. */
  readonly at: Listening;
  /** Takes no more requests, and resolves when the last is answered. */
  stop(): Promise<void>;
}

type Server = Deno.HttpServer<Deno.NetAddr>;

/** How long nothing is accepted after accepting failed. */
const PAUSE_MS = 500;

/** Listens. @throws what `Deno.serve` does, the first time only */
export function listenNative(
  service: Pick<Service, "fetch">,
  { hostname, port }: Listening,
  log: Log,
): Listener {
  let server = serve(service, hostname, port);
  const at = server.addr;
  const stopping = Promise.withResolvers<void>();
  let isStopping = false;

  async function keepListening(): Promise<void> {
    while (!isStopping) {
      try {
        await server.finished;
      } catch (error) {
        log(
          `Listening failed, and is tried again: ${error instanceof Error ? error.message : ""}`,
          {
            level: "error",
            event: "listening_failed",
          },
        );
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise((done) => timer = setTimeout(done, PAUSE_MS));
      await Promise.race([stopping.promise, pause]);
      clearTimeout(timer);
      if (isStopping) return;
      try {
        server = serve(service, hostname, at.port);
      } catch {
        // The failed server is still there, and says so again.
      }
    }
  }

  const kept = keepListening();
  return {
    at,
    async stop() {
      isStopping = true;
      stopping.resolve();
      // One that failed has nothing to shut down.
      await server.shutdown().catch(() => {});
      await kept;
    },
  };
}

function serve(service: Pick<Service, "fetch">, hostname: string, port: number): Server {
  const server: Server = Deno.serve(
    { hostname, port, onListen: () => {} },
    async (request, { remoteAddr }) => {
      const peer = "hostname" in remoteAddr ? remoteAddr.hostname : null;
      const arrival = { at: server.addr, peer, upgrade: nativeUpgrade(request) };
      // The runtime's upgrades always have an answer.
      return (await service.fetch(request, arrival))!;
    },
  );
  return server;
}
