/**
 * The `countersign` command: finds the subcommand and runs it.
 *
 *     countersign <command> [flags]      countersign <command> --help
 *
 * Exit status: 0 done, 1 it failed or found a fault, 2 it was called wrongly.
 *
 * @module
 */

import { auditCommand } from "./audit.ts";
import { type Command, CommandError, UsageError } from "./command.ts";
import { fsckCommand } from "./fsck.ts";
import { keysCommand } from "./keys.ts";
import { lookupCommand } from "./lookup.ts";
import { recoverCommand } from "./recover.ts";
import { serveCommand } from "./serve.ts";
import { shown } from "./shown.ts";
import { verifyCommand } from "./verify.ts";
import { witnessCommand } from "./witness.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  lookup: lookupCommand,
  verify: verifyCommand,
  fsck: fsckCommand,
  keys: keysCommand,
  witness: witnessCommand,
  audit: auditCommand,
  recover: recoverCommand,
};

const WRONG_CALL = 2;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    console.log(overview());
    return name === undefined ? WRONG_CALL : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null;
  if (command === null) {
    console.error(`There is no command "${shown(name)}".\n\n${overview()}`);
    return WRONG_CALL;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    console.log(`usage: ${command.usage}`);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${shown(error.message)}\n\nusage: ${command.usage}`);
      return WRONG_CALL;
    }
    if (!(error instanceof CommandError)) throw error;
    console.error(shown(error.message));
    return 1;
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const list = Object.entries(COMMANDS).map(([name, { summary }]) =>
    `  ${name.padEnd(width)}  ${summary}`
  );
  return [
    "usage: countersign <command> [flags]",
    "",
    ...list,
    "",
    "countersign <command> --help says more.",
  ]
    .join("\n");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
