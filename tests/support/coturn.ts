/**
 * A real TURN server on loopback, and a client of its makers: coturn, where it is installed.
 *
 * @module
 */

/** What an allocation came to, and what was said about it. */
export interface Allocation {
  /** Whether an allocation was made and messages went through it, none lost. */
  readonly isRelayed: boolean;
  readonly said: string;
}

/** A TURN server with a shared secret. */
export interface Coturn extends AsyncDisposable {
  /** Its port at 127.0.0.1, UDP and TCP. */
  readonly port: number;
  /** Allocates twice under a name and its password, and sends a few messages from one to the other. */
  allocate(username: string, password: string): Promise<Allocation>;
}

const PATIENCE_MS = 10_000;

/** Whether coturn is here, both halves of it; otherwise says that the test skips. */
export async function hasCoturn(): Promise<boolean> {
  for (const name of ["turnserver", "turnutils_uclient"]) {
    try {
      await new Deno.Command(name, { args: ["-h"], stdout: "null", stderr: "null" }).output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      // deno-lint-ignore no-console
      console.log("skipped: there is no coturn here, so no TURN server is asked for anything");
      return false;
    }
  }
  return true;
}

/** Starts a server, and waits until it answers. */
export async function startCoturn(secret: string): Promise<Coturn> {
  const port = freePort();
  const folder = await Deno.makeTempDir();
  const flags = {
    "listening-ip": "127.0.0.1",
    "relay-ip": "127.0.0.1",
    "listening-port": `${port}`,
    "realm": "test.invalid",
    "static-auth-secret": secret,
    "userdb": `${folder}/turndb`,
    "pidfile": `${folder}/pid`,
    "log-file": "stdout",
    "cli-password": crypto.randomUUID(),
  };
  const child = new Deno.Command("turnserver", {
    args: [
      ..."-n --no-cli --no-tls --no-dtls --use-auth-secret --allow-loopback-peers".split(" "),
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    await listening(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    async allocate(username, password) {
      const { success, stdout, stderr } = await new Deno.Command("turnutils_uclient", {
        args: `-p ${port} -y -n 1 -m 1 -c`.split(" ").concat([
          "-u",
          username,
          "-w",
          password,
          "127.0.0.1",
        ]),
      }).output();
      const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
      const isRelayed = success && /tot_send_msgs=[1-9]/.test(said) &&
        /Total lost packets 0 /.test(said);
      return { isRelayed, said };
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Its TCP side: both open together. */
async function listening(port: number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
