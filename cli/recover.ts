/**
 * `countersign recover`: rebuilds a service's log out of a mirror, and ends its freeze.
 *
 * @module
 */

import { LogSourceError, openLogSource } from "../core/log_source.ts";
import { HttpAnswerError, readAnswer } from "../core/http_answer.ts";
import { recoverLog, type Recovery, RecoveryError } from "../core/recovery.ts";
import { CryptoError } from "../crypto/error.ts";
import { parseVerifierKey, type VerifierKey } from "../crypto/note_key.ts";
import { logOnlyPolicy, type LogPolicy } from "../crypto/policy.ts";
import { parsePolicy } from "../crypto/policy_text.ts";
import { listOrigins } from "../kv/log_key.ts";
import { readPublished } from "../kv/published.ts";
import { wellFormed } from "../kv/row_shape.ts";
import { StoreError } from "../kv/store_error.ts";
import { createStoreFile, lockStore } from "../kv/store_file.ts";
import { type Command, CommandError, readOptions, UsageError } from "./command.ts";
import { readText } from "./policy.ts";

const USAGE =
  `countersign recover --store <path> --from <url or folder> [--policy <path>] [--key <vkey>]

Rebuilds entries, tiles, prefix tree and heads up to the newest checkpoint of a mirror that the log's
own key signed, keeps the names whose records the log holds, and ends the freeze. The service must not
be running. It may be interrupted, and run again.

  --store <path>      the service's store; where it is lost, an empty one is made
  --from <place>      an auditor's URL, the folder of a mirror, or the log's own URL ending in /log
  --policy <path>     the policy of the log's witnesses, as the service has it
  --key <vkey>        the log's verifier key, where neither the store nor the policy names it`;

const MAX_CHECKPOINT_BYTES = 256 * 1024;
const TIMEOUT_MS = 15_000;

/** Recovers a log. */
export const recoverCommand: Command = {
  summary: "rebuild a log that was rolled back or lost, out of a mirror",
  usage: USAGE,
  async run(args) {
    const spec = { store: "text", from: "text", policy: "text", key: "text" } as const;
    const { values: { store, from, policy, key } } = readOptions(args, spec, 0);
    if (store === undefined) throw new UsageError("--store is missing");
    if (from === undefined) throw new UsageError("--from is missing");
    const given = policyOf(policy === undefined ? null : await readText(policy), key);
    const files = /^https?:/.test(from) ? filesAt(from) : filesIn(from);
    await openable(store);
    using kv = await Deno.openKv(store);
    const whole = given.logs.length > 0 ? given : { ...given, logs: await keysIn(kv) };
    const origins = new Set(whole.logs.map(({ name }) => name));
    const [origin] = origins;
    if (origin === undefined || origins.size > 1) {
      throw new CommandError("It is not clear which log is meant: name it by --key");
    }
    try {
      const checkpoint = await files.checkpoint();
      const { source } = files;
      const log = { kv, origin };
      const parts = { log, source, checkpoint, policy: whole, now: () => Date.now() };
      for (const line of sentencesOf(await recoverLog(parts))) console.log(line);
      return 0;
    } catch (error) {
      const isPlain = error instanceof RecoveryError || error instanceof LogSourceError ||
        error instanceof StoreError;
      if (!isPlain) throw error;
      throw new CommandError(`✗ ${error.message}`);
    }
  },
};

/** A mirror's files. */
export interface MirrorFiles {
  /** Tiles and bundles. */
  readonly source: ReturnType<typeof openLogSource>;
  /** The newest checkpoint. @throws LogSourceError */
  checkpoint(): Promise<string>;
}

/** A mirror behind a URL. */
function filesAt(prefix: string): MirrorFiles {
  return filesFrom(prefix, fetch);
}

/** A mirror in a folder: `checkpoint`, and `tile/` below. */
export function filesIn(folder: string): MirrorFiles {
  const root = folder.replace(/\/+$/, "");
  // A folder that answers as a server would, so that both are read by the same rules.
  return filesFrom("http://mirror.invalid", async (input) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    try {
      return new Response(await Deno.readFile(root + path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return new Response(null, { status: 404 });
  });
}

function filesFrom(prefix: string, send: typeof fetch): MirrorFiles {
  const base = prefix.replace(/\/+$/, "");
  return {
    source: openLogSource(base, { fetch: send }),
    async checkpoint() {
      try {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        const response = await send(`${base}/checkpoint`, { redirect: "manual", signal });
        if (response.status === 200) return await readAnswer(response, MAX_CHECKPOINT_BYTES);
        await response.body?.cancel();
      } catch (error) {
        if (error instanceof HttpAnswerError) {
          throw new LogSourceError("The mirror's checkpoint can't be read");
        }
      }
      throw new LogSourceError("The mirror has no checkpoint, or can't be reached");
    },
  };
}

async function openable(path: string): Promise<void> {
  try {
    await createStoreFile(path);
  } catch {
    throw new CommandError(`${path} can't be written`);
  }
  if (!await lockStore(path)) throw new CommandError("The service uses that store: stop it first");
}

/** What was named on the command line; without logs where the store has to name them. */
function policyOf(text: string | null, key: string | undefined): LogPolicy {
  try {
    const policy = text === null ? null : parsePolicy(text);
    const own = key === undefined ? null : logOnlyPolicy(parseVerifierKey(key));
    if (policy === null) return own ?? { logs: [], witnesses: [], groups: [], quorum: null };
    return own === null ? policy : { ...policy, logs: own.logs };
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new CommandError(error.message);
  }
}

/** The key of the log that is in the store. */
async function keysIn(kv: Deno.Kv): Promise<readonly VerifierKey[]> {
  const logs = await Promise.all(
    (await listOrigins(kv)).map((origin) => readPublished({ kv, origin })),
  );
  return logs.flatMap((row) => {
    const published = wellFormed("published", row);
    try {
      return published === null ? [] : [parseVerifierKey(published.verifierKey)];
    } catch (error) {
      // A row that is damaged names no key.
      if (error instanceof CryptoError) return [];
      throw error;
    }
  });
}

function sentencesOf(recovery: Recovery): string[] {
  const { kept, size, published, completed, dropped, lost } = recovery;
  return [
    `✓ The log has ${size} entries, of which the store had ${kept}; ${published} are published`,
    `  ${completed} records that waited are in place, ${dropped} were of a history that ended`,
    lost === 0
      ? "  No record was lost"
      : `  ${lost} records were lost with the store: their owners' clients bring them again`,
  ];
}
