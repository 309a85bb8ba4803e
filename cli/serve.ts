/**
 * `countersign serve`: runs the service, as `main.ts` does.
 *
 * @module
 */

import { main } from "../main.ts";
import { type Command, readOptions } from "./command.ts";

/** Runs the service. */
export const serveCommand: Command = {
  summary: "run the service",
  usage: `countersign serve

  Runs the service until SIGINT or SIGTERM. It is configured by the environment: see the README.`,
  async run(args) {
    readOptions(args, {}, 0);
    await main();
    // The signal ends the process.
    return await new Promise<never>(() => {});
  },
};
