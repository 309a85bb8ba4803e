/**
 * The `countersign` command as its users run it: a process of its own.
 *
 * @module
 */

const MAIN = new URL("../../cli/countersign.ts", import.meta.url).pathname;

/** What a run printed, and its exit status. */
export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command that serves until it is told to stop. */
export interface Serving {
  /** What it printed first, a line each. */
  readonly lines: readonly string[];
  /** Tells it to stop, and answers its exit status. */
  stop(): Promise<number>;
}

/** Runs the command to its end. */
export async function countersign(...args: string[]): Promise<Run> {
  const { code, stdout, stderr } = await command(args).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Starts a command that serves, and waits for its first lines. */
export async function startServing(lines: number, ...args: string[]): Promise<Serving> {
  const process = command(args, "inherit").spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n").length <= lines) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`It ended: ${text}`);
    text += value;
  }
  return {
    lines: text.trimEnd().split("\n"),
    async stop() {
      process.kill("SIGTERM");
      await reader.cancel();
      return (await process.status).code;
    },
  };
}

function command(args: readonly string[], stderr: "piped" | "inherit" = "piped"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", MAIN, ...args],
    stdin: "null",
    stdout: "piped",
    stderr,
  });
}
