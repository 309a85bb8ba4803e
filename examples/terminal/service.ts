/**
 * A service of one's own for the demo: a child process on a free loopback port, with everything in
 * memory and a secret that nobody keeps.
 *
 * @module
 */

/** A running service. */
export interface LocalService {
  /** Where it listens. */
  readonly url: string;
  /** Asks it to stop, and waits. */
  stop(): Promise<void>;
}

const MAIN = new URL("../../main.ts", import.meta.url);
const LISTENS = /listens on (http:\/\/127\.0\.0\.1:[0-9]+)/;

/** Starts a service. @throws Error where it does not come up */
export async function startService(): Promise<LocalService> {
  const secret = crypto.getRandomValues(new Uint8Array(32)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read=dist",
      MAIN.href,
    ],
    cwd: new URL("./", MAIN),
    env: {
      COUNTERSIGN_HOST: "127.0.0.1",
      COUNTERSIGN_PORT: "0",
      COUNTERSIGN_KV: ":memory:",
      COUNTERSIGN_SECRET: secret,
      COUNTERSIGN_ORIGIN: "localhost/kt/1",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const url = await urlOf(child.stdout);
  if (url === null) throw new Error("The service did not start");
  return {
    url,
    async stop() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It ended by itself already.
      }
      await child.status;
    },
  };
}

/** The address that the service prints, or null where its output ends before. */
async function urlOf(stdout: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string | null> {
  let printed = "";
  for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
    printed += text;
    const url = LISTENS.exec(printed)?.[1];
    if (url !== undefined) return url;
  }
  return null;
}
