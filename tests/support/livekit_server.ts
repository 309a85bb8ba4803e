/**
 * A real LiveKit server on loopback, where the environment names its program.
 *
 * @module
 */

import { SignJWT } from "jose";

/** A server that runs. */
export interface LivekitServer extends AsyncDisposable {
  /** Where clients connect. */
  readonly url: string;
  /** A token for a room. */
  token(identity: string, room: string): Promise<string>;
}

const KEY = "countersign";
const SECRET = "a secret of nothing but these tests";
const STARTING_MS = 10_000;

/** Starts it. @param program the path of `livekit-server` @throws Error when it does not answer */
export async function livekitServer(program: string): Promise<LivekitServer> {
  const [port, tcp, udp] = [freePort(), freePort(), freePort()];
  const config = JSON.stringify({
    port,
    bind_addresses: ["127.0.0.1"],
    keys: { [KEY]: SECRET },
    logging: { level: "error" },
    rtc: {
      tcp_port: tcp,
      udp_port: udp,
      use_external_ip: false,
      node_ip: "127.0.0.1",
      enable_loopback_candidate: true,
      ips: { includes: ["127.0.0.0/8"] },
    },
  });
  const child = new Deno.Command(program, {
    args: ["--config-body", config],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const deadline = performance.now() + STARTING_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) break;
    if (performance.now() > deadline) throw new Error("The LiveKit server does not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url: `ws://127.0.0.1:${port}`,
    token: (identity, room) =>
      new SignJWT({ video: { roomJoin: true, room } })
        .setProtectedHeader({ alg: "HS256" })
        .setIssuer(KEY)
        .setSubject(identity)
        .setExpirationTime("10m")
        .sign(new TextEncoder().encode(SECRET)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
