/**
 * A process of the benchmark that is asked by lines and answers by lines.
 *
 * @module
 */

/** One process. */
export interface Child {
  readonly pid: number;
  /** The next line it says. @throws where it ended */
  answer(): Promise<string>;
  /** Asks, and gives the next line. */
  ask(line: string): Promise<string>;
  /** Ends it. */
  end(): Promise<void>;
}

/** What some servers say of themselves, which answers nothing. */
const CHATTER = /^Signaling server running/;

/** Starts a process. */
export function start(command: readonly string[], cwd: string): Child {
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";

  async function answer(): Promise<string> {
    for (;;) {
      const end = said.indexOf("\n");
      if (end >= 0) {
        const line = said.slice(0, end);
        said = said.slice(end + 1);
        if (!CHATTER.test(line)) return line;
        continue;
      }
      const { done, value } = await reader.read();
      if (done) throw new Error(`${command.slice(0, 4).join(" ")} ended`);
      said += value;
    }
  }

  return {
    pid: child.pid,
    answer,
    async ask(line) {
      await writer.write(new TextEncoder().encode(`${line}\n`));
      return await answer();
    },
    async end() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await writer.abort().catch(() => {});
      await reader.cancel().catch(() => {});
      await child.status;
    },
  };
}
