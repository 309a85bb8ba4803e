/**
 * `countersign fsck`: checks a store whole; every log in it is read again from its first entry, and every
 * name.
 *
 * @module
 */

import { auditLog, type LogAudit } from "../core/log_audit.ts";
import { listOrigins } from "../kv/log_key.ts";
import { listMisfits } from "../kv/row_shape.ts";
import { lockStore } from "../kv/store_file.ts";
import { type Command, readOptions } from "./command.ts";
import { shown } from "./shown.ts";

/** Audits a store and prints what it finds; true where all is well. */
async function check(kv: Deno.Kv, verifierKey: string | undefined): Promise<boolean> {
  const misfits = await printMisfits(kv);
  const origins = await listOrigins(kv);
  if (origins.length === 0) console.log("✗ no log in this store");
  let sound = origins.length > 0 && misfits.count === 0;
  for (const origin of origins) {
    if (misfits.origins.has(origin)) {
      // The audit of a log believes that its rows are of their form.
      console.log(`✗ ${shown(origin)}: not audited before those rows are put right`);
      continue;
    }
    const audit = await auditLog({ kv, origin }, verifierKey);
    for (const fault of audit.faults) console.log(`  ${shown(fault)}`);
    console.log(summary(origin, audit, verifierKey !== undefined));
    if (audit.lost > 0) {
      const owners = "their owners' clients bring them again";
      console.log(`  ${audit.lost} records were lost before the log was recovered: ${owners}`);
    }
    if (audit.faults.length > 0) sound = false;
  }
  return sound;
}

/** Prints each row that is of no table or not as its table wants it; tells of which logs they are. */
async function printMisfits(
  kv: Deno.Kv,
): Promise<{ readonly count: number; readonly origins: ReadonlySet<Deno.KvKeyPart> }> {
  let count = 0;
  const origins = new Set<Deno.KvKeyPart>();
  for await (const { key, table } of listMisfits(kv)) {
    count++;
    if (table === null) console.log("  A row is of no table");
    else console.log(`  A row of the table "${table}" is not of its form`);
    if (table !== null && key[0] === "log") origins.add(key[1]!);
  }
  if (count > 0) console.log(`✗ ${count} rows that should not be there, or not so`);
  return { count, origins };
}

function summary(origin: string, audit: LogAudit, keyGiven: boolean): string {
  const { size, publishedSize, names, pending, faults } = audit;
  const mark = faults.length === 0 ? "✓" : "✗";
  const key = keyGiven ? "the key given" : "its own key";
  return `${mark} ${shown(origin)}: ${size} entries, ${publishedSize} published under ${key}, ` +
    `${names} names, ${pending} pending, ${faults.length} faults`;
}

/** Checks a store. */
export const fsckCommand: Command = {
  summary: "check a store whole: every entry, tile and name",
  usage: `countersign fsck [<path of the store> [<verifier key>]]

  The service must not be running on that store, which is data/countersign.sqlite by default. Without
  the log's verifier key (name+hash+key) the one that the store names is believed, and says so. Exits
  with 1 on any fault, and prints each; with 2 where there is nothing to check.`,
  async run(args) {
    const { positionals } = readOptions(args, {}, [0, 2]);
    const [path = "data/countersign.sqlite", verifierKey] = positionals;
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
    try {
      using kv = await Deno.openKv(path);
      return await check(kv, verifierKey) ? 0 : 1;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      console.error(`✗ The store can't be read: ${why}`);
      return 1;
    }
  },
};
