/**
 * Whether a server of `node:http` still accepts. Where the process has no descriptor left, the
 * runtime stops accepting for good, and tells nobody. So whenever nobody has come for a while, the
 * service connects to itself; and where that is not noticed either, it listens anew.
 *
 * Connections that are open are not touched.
 *
 * @module
 */

import { type Server } from "node:http";
import { type Listening } from "./host.ts";
import { type Log } from "./problem.ts";

/** How long nobody has come when it is looked, in milliseconds. */
const WATCH_MS = 2_000;

/** Where a machine reaches itself when it listens everywhere. */
const ITSELF: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Keeps a server accepting until the answer is called. */
export function watchAccepting(server: Server, at: Listening, log: Log): () => Promise<void> {
  const hostname = ITSELF[at.hostname] ?? at.hostname;
  let accepted = 0;
  let seen = 0;
  let knock: Promise<void> | null = null;
  let hasKnocked = false;
  server.on("connection", () => accepted++);
  const timer = setInterval(() => {
    if (accepted !== seen) {
      seen = accepted;
      hasKnocked = false;
    } else if (hasKnocked) {
      hasKnocked = false;
      log("Accepting failed, and is tried again");
      listenAgain();
    } else {
      knock = knockAt();
    }
  }, WATCH_MS);

  async function knockAt(): Promise<void> {
    try {
      using _ = await Deno.connect({ hostname, port: at.port });
      hasKnocked = true;
      // Long enough to be seen.
    } catch {
      // Without a descriptor for this there is none for others either: later.
    }
  }

  function listenAgain(): void {
    server.close();
    server.listen(at.port, at.hostname);
  }

  // A port that somebody else took in between is tried again.
  server.on("error", () => hasKnocked = true);
  return async () => {
    clearInterval(timer);
    await knock;
  };
}
