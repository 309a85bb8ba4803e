/**
 * The service as people run it: `main.ts` in a process of its own, which can be killed.
 *
 * @module
 */

import { type TestService } from "./service.ts";

const ROOT = new URL("../../", import.meta.url);

/** A service in a child process. Its clock is this machine's. */
export interface ChildService extends TestService {
  /** Ends the process as a power cut does, and waits until it is gone. */
  kill(): Promise<void>;
  /** Stops the process where it is, and lets it go on. */
  freeze(isFrozen: boolean): void;
}

/**
 * Starts `main.ts` on a folder of its own.
 *
 * @param data holds store and secret, also afterwards
 * @param env settings beside those
 */
export async function startChild(
  data: string,
  origin: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildService> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      "--allow-env",
      `--allow-read=${data},${ROOT.pathname}dist`,
      `--allow-write=${data}`,
      `${ROOT.pathname}main.ts`,
    ],
    env: {
      COUNTERSIGN_HOST: "127.0.0.1",
      COUNTERSIGN_PORT: "0",
      COUNTERSIGN_DATA: data,
      COUNTERSIGN_ORIGIN: origin,
      ...env,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream());
  let said = "";
  let url: string | undefined;
  for await (const text of output.values({ preventCancel: true })) {
    said += text;
    url = /listens on (http:\/\/[0-9.:]+)\n/.exec(said)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error(`The service did not start: ${said}`);
  const gone = Promise.all([child.status, output.pipeTo(new WritableStream())]);
  const end = async (signal: Deno.Signal): Promise<void> => {
    try {
      child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await gone;
  };
  const close = () => end("SIGTERM");
  return {
    url,
    faults: [],
    now: Date.now,
    advance: () => {
      throw new Error("a process's clock is not turned");
    },
    drain: close,
    close,
    kill: () => end("SIGKILL"),
    freeze: (isFrozen) => child.kill(isFrozen ? "SIGSTOP" : "SIGCONT"),
    [Symbol.asyncDispose]: close,
  };
}
