/**
 * Checks a store whole: every log in it is read again from its first entry, and every name.
 *
 * The service must not be running on that store. Exits with 1 on any fault, and prints each; with 2
 * where there is nothing to check.
 *
 *     deno run --allow-read --allow-write tools/fsck.ts [<path of the store> [<verifier key>]]
 *
 * Without the log's verifier key (`name+hash+key`) the one that the store names is believed, and
 * says so.
 *
 * @module
 */

import { auditLog, type LogAudit } from "../core/log_audit.ts";
import { listOrigins } from "../kv/log_key.ts";

/** Audits every log of a store and prints what it finds; true where all is well. */
async function check(kv: Deno.Kv, verifierKey: string | undefined): Promise<boolean> {
  const origins = await listOrigins(kv);
  if (origins.length === 0) console.log("✗ no log in this store");
  let sound = origins.length > 0;
  for (const origin of origins) {
    const audit = await auditLog({ kv, origin }, verifierKey);
    for (const fault of audit.faults) console.log(`  ${fault}`);
    console.log(summary(origin, audit, verifierKey !== undefined));
    if (audit.faults.length > 0) sound = false;
  }
  return sound;
}

function summary(origin: string, audit: LogAudit, keyGiven: boolean): string {
  const { size, publishedSize, names, pending, erased, faults } = audit;
  const mark = faults.length === 0 ? "✓" : "✗";
  const key = keyGiven ? "the key given" : "its own key";
  return `${mark} ${origin}: ${size} entries, ${publishedSize} published under ${key}, ` +
    `${names} names, ${pending} pending, ${erased} erased, ${faults.length} faults`;
}

/** Takes the lock that the service holds on its store while it runs; it ends with the process. */
async function lockStore(path: string): Promise<boolean> {
  const lock = await Deno.open(`${path}.lock`, { create: true, write: true });
  return await lock.tryLock(true);
}

async function main(args: readonly string[]): Promise<number> {
  const [path = "data/countersign.sqlite", verifierKey] = args;
  // Opening would create a store, and an empty one is not what was meant.
  const info = await Deno.stat(path).catch(() => null);
  if (info === null || !info.isFile) {
    console.error("There is no store at that path");
    return 2;
  }
  if (!await lockStore(path)) {
    console.error("The service uses that store: stop it first");
    return 2;
  }
  using kv = await Deno.openKv(path);
  return await check(kv, verifierKey) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
