/**
 * Media programs of others that run until they are ended: GStreamer and FFmpeg, where they are installed.
 *
 * @module
 */

/** One that runs. */
export interface MediaProgram extends AsyncDisposable {
  /** Waits until it has said something. @throws Error with all it said where it ends first */
  said(text: string): Promise<void>;
}

/** Whether programs are here; otherwise says that a test skips. */
export async function hasPrograms(...names: readonly string[]): Promise<boolean> {
  for (const name of names) {
    try {
      await new Deno.Command(name, { args: ["-version"], stdout: "null", stderr: "null" }).output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      // deno-lint-ignore no-console
      console.log(`skipped: there is no ${name} here`);
      return false;
    }
  }
  return true;
}

/** Starts one. @param input what it reads, and then the end of it */
export function startProgram(name: string, args: readonly string[], input = ""): MediaProgram {
  const child = new Deno.Command(name, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let all = "";
  let heard = Promise.withResolvers<void>();
  const hear = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      all += decoder.decode(bytes, { stream: true });
      heard.resolve();
      heard = Promise.withResolvers();
    }
  };
  const over = Promise.all([hear(child.stdout), hear(child.stderr), child.status]);
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close())
    .catch(() => {});
  return {
    async said(text) {
      while (!all.includes(text)) {
        const isOver = await Promise.race([over.then(() => true), heard.promise.then(() => false)]);
        if (isOver && !all.includes(text)) throw new Error(`${name} ended: ${all}`);
      }
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await Promise.all([over, written]);
    },
  };
}
