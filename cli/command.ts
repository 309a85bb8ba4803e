/**
 * A subcommand of `countersign`, and its options.
 *
 * Options are strict: what is not known, is given twice where once is meant, or lacks its value ends
 * the command with its usage, because an option that is silently dropped is a setting that is not there.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** One subcommand. */
export interface Command {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What `--help` prints: how to call it, and each option. */
  readonly usage: string;
  /** Runs it to its end, and answers the exit status. @throws CommandError, UsageError */
  run(args: readonly string[]): Promise<number>;
}

/** Something that whoever called the command has to put right: one sentence. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** A call that is not one: the sentence is printed with the usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What an option takes: a text once, a text each time, or nothing. */
export type OptionKind = "text" | "texts" | "flag";

/** The value of each option that was asked about. */
export type OptionValues<Spec extends Readonly<Record<string, OptionKind>>> = {
  readonly [Name in keyof Spec]: Spec[Name] extends "texts" ? readonly string[]
    : Spec[Name] extends "flag" ? boolean
    : string | undefined;
};

/** The options and the words of a call. */
export interface Call<Spec extends Readonly<Record<string, OptionKind>>> {
  /** The options: a text that is not there is undefined. */
  readonly values: OptionValues<Spec>;
  /** The words that are no options, in order. */
  readonly positionals: readonly string[];
}

/**
 * Reads a call: `--name value`, `--name=value`, and words.
 *
 * @param spec every option there is
 * @param words how many words there have to be; `[least, most]` where their number may differ
 * @throws UsageError
 */
export function readOptions<const Spec extends Readonly<Record<string, OptionKind>>>(
  args: readonly string[],
  spec: Spec,
  words: number | readonly [number, number],
): Call<Spec> {
  const options = Object.fromEntries(
    Object.entries(spec).map(([name, kind]) => {
      const type: "boolean" | "string" = kind === "flag" ? "boolean" : "string";
      return [name, { type, multiple: true as const }];
    }),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "Not a call of this command");
  }
  const { positionals } = parsed;
  const [least, most] = typeof words === "number" ? [words, words] : words;
  if (positionals.length > most) {
    throw new UsageError(`"${positionals[most]}" is one word too many`);
  }
  if (positionals.length < least) throw new UsageError("A word is missing");
  const values = Object.entries(spec).map(([name, kind]) => {
    const given = (parsed.values[name] ?? []) as readonly (string | boolean)[];
    if (kind === "texts") return [name, given];
    if (given.length > 1) throw new UsageError(`--${name} is there twice`);
    return [name, kind === "flag" ? given.length === 1 : given[0]];
  });
  return { values: Object.fromEntries(values) as OptionValues<Spec>, positionals };
}
