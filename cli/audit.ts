/**
 * `countersign audit`: a witness of one log that replays it before it cosigns, and keeps a mirror.
 *
 * @module
 */

import { openAuditor } from "../core/auditor.ts";
import { openLogSource } from "../core/log_source.ts";
import { openWitnessRole } from "../core/witness_role.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Command, CommandError, readOptions, UsageError } from "./command.ts";
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
  `countersign audit --key <path> --log <vkey> --url <url> --store <path> [--host <host>] [--port <port>]

Serves an auditor of one log: a witness that reads every entry and computes every prefix tree again
before it cosigns. What it read it keeps and serves as a mirror (GET /checkpoint, /tile/...), from
which a service that lost its store can be recovered.

  --log <vkey>     the log's verifier key; a second one of the same origin may follow
  --url <url>      where the log serves its files, such as https://example.org/log
${SERVER_USAGE}`;

/** Serves an auditor. */
export const auditCommand: Command = {
  summary: "serve an auditor: a witness that replays a log and keeps a mirror of it",
  usage: USAGE,
  async run(args) {
    const { values } = readOptions(args, { ...SERVER_OPTIONS, url: "text" }, 0);
    const [cosigners, logKeys] = [await cosignersOf(values), logKeysOf(values)];
    const [{ name: origin }] = logKeys as [typeof logKeys[0]];
    if (logKeys.some(({ name }) => name !== origin)) {
      throw new CommandError("An auditor has one log: the names of its keys have to be the same");
    }
    const source = openLogSource(urlOf(values.url));
    const kv = await openStore(values);
    const now = (): number => Date.now();
    const mirror: LogStore = { kv, origin };
    const examine = openAuditor({ log: mirror, source, now });
    const role = openWitnessRole({ kv, logKeys, cosigners, now, report: reportLine, examine });
    return await serveUntilSignal(values, kv, cosigners, { role, mirror });
  },
};

function urlOf(text: string | undefined): string {
  const url = text === undefined ? null : URL.parse(text);
  const isPrefix = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    url.search === "" && url.hash === "";
  if (!isPrefix) throw new UsageError("--url has to be like https://example.org/log");
  return url.href;
}
