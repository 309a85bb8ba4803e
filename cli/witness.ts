/**
 * `countersign witness`: cosigns the heads of logs that it was given the keys of (C2SP tlog-witness).
 *
 * @module
 */

import { openWitnessRole } from "../core/witness_role.ts";
import { type Command, readOptions } from "./command.ts";
import {
  cosignersOf,
  logKeysOf,
  openStore,
  reportLine,
  SERVER_OPTIONS,
  SERVER_USAGE,
  serveUntilSignal,
} from "./witness_server.ts";

const USAGE =
  `countersign witness --key <path> --log <vkey> --store <path> [--host <host>] [--port <port>]

Serves a witness: it cosigns each head of the logs it knows that continues the last one it cosigned.

  --log <vkey>     a log's verifier key, whose name is the log's origin; once for each key
${SERVER_USAGE}`;

/** Serves a witness. */
export const witnessCommand: Command = {
  summary: "serve a witness, which cosigns the heads of logs",
  usage: USAGE,
  async run(args) {
    const { values } = readOptions(args, SERVER_OPTIONS, 0);
    const [cosigners, logKeys] = [await cosignersOf(values), logKeysOf(values)];
    const kv = await openStore(values);
    const now = (): number => Date.now();
    const role = openWitnessRole({ kv, logKeys, cosigners, now, report: reportLine });
    return await serveUntilSignal(values, kv, cosigners, { role, mirror: null });
  },
};
