/**
 * A denokv server in a process of its own, for tests with several services: from `COUNTERSIGN_DENOKV`,
 * the `PATH`, or `~/.cargo/bin`.
 *
 * @module
 */

/** A server. */
export interface DenoKvServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** What clients show it. */
  readonly token: string;
  /** Stops it and removes what it stored. */
  close(): Promise<void>;
}

const START_MS = 10_000;

/** Where the program is, or null where there is none. */
export async function findDenoKv(): Promise<string | null> {
  const home = Deno.env.get("HOME") ?? "";
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), `${home}/.cargo/bin`];
  const named = Deno.env.get("COUNTERSIGN_DENOKV");
  const paths = named ? [named] : folders.map((folder) => `${folder}/denokv`);
  for (const path of paths) {
    const info = await Deno.stat(path).catch(() => null);
    if (info?.isFile === true) return path;
  }
  return null;
}

/** Starts a server with an empty store. */
export async function startDenoKv(program: string): Promise<DenoKvServer> {
  const folder = await Deno.makeTempDir();
  const token = crypto.randomUUID();
  // A port that was free a moment ago: the program does not say which one it took.
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  const child = new Deno.Command(program, {
    args: ["--sqlite-path", `${folder}/kv.sqlite`, "serve", "--addr", `127.0.0.1:${port}`],
    env: { DENO_KV_ACCESS_TOKEN: token, RUST_LOG: "error" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const endMs = performance.now() + START_MS;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
    } catch {
      if (performance.now() > endMs) throw new Error("denokv does not start");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const close = async (): Promise<void> => {
    try {
      child.kill("SIGTERM");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  return { url: `http://127.0.0.1:${port}`, token, close, [Symbol.asyncDispose]: close };
}
