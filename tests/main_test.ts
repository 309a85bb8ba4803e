import { deepEqual, equal, match } from "node:assert/strict";

import { rawSocket } from "./support/raw_socket.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

interface Running {
  readonly url: string;
  readonly logKey: string;
  stop(signal: Deno.Signal): Promise<number>;
}

/** @param wrap a command that runs the one behind it @param write where it may write */
function command(
  env: Record<string, string>,
  wrap: readonly string[] = [],
  write = "--allow-write",
): Deno.Command {
  const allow = ["--allow-net", "--allow-read", write, "--allow-env"];
  const [program, ...args] = [...wrap, Deno.execPath(), "run", "--quiet", ...allow, MAIN];
  return new Deno.Command(program!, {
    args,
    env: { COUNTERSIGN_PORT: "0", NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  });
}

async function start(
  env: Record<string, string>,
  wrap: readonly string[] = [],
): Promise<Running> {
  const child = command(env, wrap).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\nLog key: ") || !said.endsWith("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(await new Response(child.stderr).text());
    said += value;
  }
  // Whether there are pages depends on whether they were built.
  const lines =
    /^Countersign listens on (http:\/\/127\.0\.0\.1:\d+)\nLog key: (\S+)\n(?:No p.*\n)?$/;
  const [, url, logKey] = lines.exec(said) ?? [];
  if (url === undefined || logKey === undefined) throw new Error(`unexpected: ${said}`);
  return {
    url,
    logKey,
    async stop(signal) {
      child.kill(signal);
      const { code } = await child.status;
      await reader.cancel();
      await child.stderr.cancel();
      return code;
    },
  };
}

async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await command(env).output();
  deepEqual([code, stdout.length], [1, 0]);
  const sentence = new TextDecoder().decode(stderr);
  match(sentence, /^Countersign can't start: [^\n]+\n$/);
  return sentence;
}

Deno.test("the service starts with nothing, keeps its secret to itself, and is the same again", async () => {
  const data = `${await Deno.makeTempDir()}/new`;
  const describe = async (running: Running) =>
    (await (await fetch(`${running.url}/.well-known/countersign`)).json()).verifier;
  const first = await start({ COUNTERSIGN_DATA: data });
  const verifier = await describe(first);
  equal((await Deno.stat(`${data}/secret`)).mode! & 0o777, 0o600);
  match(await Deno.readTextFile(`${data}/secret`), /^[A-Za-z0-9_-]{43}\n$/);
  equal(first.logKey, verifier);
  equal((await Deno.stat(data)).mode! & 0o777, 0o700);
  const store = `${data}/countersign.sqlite`;
  equal((await Deno.stat(store)).mode! & 0o777, 0o600);
  const busy = /Another process uses [^ ]+: several work together on a denokv server, /;
  match(await refusal({ COUNTERSIGN_DATA: data }), busy);
  const link = await Deno.makeTempDir();
  await Deno.symlink(store, `${link}/countersign.sqlite`);
  await Deno.copyFile(`${data}/secret`, `${link}/secret`);
  match(await refusal({ COUNTERSIGN_DATA: link }), busy);
  equal(await first.stop("SIGTERM"), 0);
  const second = await start({ COUNTERSIGN_DATA: data });
  equal(await describe(second), verifier);
  equal(await second.stop("SIGINT"), 0);
  await Deno.remove(`${data}/secret`);
  match(await refusal({ COUNTERSIGN_DATA: data }), /secret is missing/);
  equal(await Deno.stat(`${data}/secret`).catch(() => null), null);
});

Deno.test("a port in use is named with its variable", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const sentence = await refusal({
    COUNTERSIGN_DATA: await Deno.makeTempDir(),
    COUNTERSIGN_PORT: String(port),
  });
  match(sentence, new RegExp(`Port ${port} is in use: set COUNTERSIGN_PORT`));
});

for (const sockets of ["ws", "native"]) {
  Deno.test(`${sockets}: a lack of descriptors ends neither the process nor the service`, async () => {
    const data = await Deno.makeTempDir();
    const env = { COUNTERSIGN_DATA: data, COUNTERSIGN_SOCKETS: sockets };
    const running = await start(env, ["bash", "-c", 'ulimit -n 96; exec "$0" "$@"']);
    const { hostname, port } = new URL(running.url);
    const held: Deno.Conn[] = [];
    try {
      for (let i = 0; i < 120; i++) held.push(await Deno.connect({ hostname, port: Number(port) }));
    } catch {
      // Nobody listens for a moment.
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const connection of held) connection.close();
    let status = 0;
    // The server notices within some seconds that it no longer accepts.
    for (let i = 0; i < 150 && status !== 200; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const signal = AbortSignal.timeout(1_000);
      const response = await fetch(`${running.url}/healthz`, { signal }).catch(() => null);
      status = response?.status ?? 0;
      await response?.body?.cancel();
    }
    equal(status, 200);
    equal(await running.stop("SIGTERM"), 0);
  });
}

for (
  const [where, env] of [
    ["", {}],
    [", also the runtime's own", { COUNTERSIGN_SOCKETS: "native" }],
    [", also on Deno Deploy", { DENO_DEPLOYMENT_ID: "test" }],
  ] as const
) {
  Deno.test(`a stop says goodbye to sockets with 4000${where}`, async () => {
    const secret = "A".repeat(43);
    const running = await start({ COUNTERSIGN_KV: ":memory:", COUNTERSIGN_SECRET: secret, ...env });
    // Which one it is shows in which versions it takes.
    const odd = await rawSocket(running, { "sec-websocket-version": "12" });
    equal(odd.status, Object.keys(env).length === 0 ? 400 : 101);
    odd[Symbol.dispose]();
    const socket = new WebSocket(`${running.url.replace("http", "ws")}/v1/ws`, ["rooms.v1"]);
    const frames: string[] = [];
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    await new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        frames.push(JSON.parse(data).t);
        resolve();
      };
    });
    const [code, status] = await Promise.all([closed, running.stop("SIGTERM")]);
    deepEqual([code, status, frames], [4000, 0, ["hello", "bye"]]);
  });
}

Deno.test("a wrong setting stops the start with a sentence", async () => {
  const data = await Deno.makeTempDir();
  const wrong: Record<string, Record<string, string>> = {
    COUNTERSIGN_PORT: { COUNTERSIGN_PORT: "99999" },
    COUNTERSIGN_ORIGIN: { COUNTERSIGN_ORIGIN: "has spaces/kt/1" },
    COUNTERSIGN_SECRET: { COUNTERSIGN_SECRET: "short" },
    COUNTERSIGN_PUBLIC_URL: { COUNTERSIGN_PUBLIC_URL: "https://example.org/path" },
    "COUNTERSIGN_PUBLIC_URL is needed": { COUNTERSIGN_HOST: "0.0.0.0" },
    COUNTERSIGN_TRUSTED_PROXIES: { COUNTERSIGN_TRUSTED_PROXIES: "10.0.0.0/8, proxy" },
    COUNTERSIGN_SOCKETS: { COUNTERSIGN_SOCKETS: "deno" },
    COUNTERSIGN_ALLOWED_ORIGINS: { COUNTERSIGN_ALLOWED_ORIGINS: "https://a.example,b" },
    "COUNTERSIGN_NAMES_JWKS is needed": { COUNTERSIGN_NAMES: "grant" },
  };
  const sentences = await Promise.all(
    Object.values(wrong).map((env) => refusal({ COUNTERSIGN_KV: ":memory:", ...env })),
  );
  Object.keys(wrong).forEach((name, i) => equal(sentences[i]!.includes(name), true, sentences[i]));
  equal(sentences.some((sentence) => sentence.includes("short")), false);
  await Deno.writeTextFile(`${data}/secret`, "damaged\n");
  match(await refusal({ COUNTERSIGN_DATA: data }), /has to hold 32 bytes/);
});

Deno.test("a folder that it may not write is told with the way to let it, and a setting that is none by its name", async () => {
  const [COUNTERSIGN_DATA, other] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  const env = { COUNTERSIGN_DATA, COUNTERSIGN_METRIC: "1" };
  const { code, stderr } = await command(env, [], `--allow-write=${other}`).output();
  equal(code, 1);
  const [unknown, sentence] = new TextDecoder().decode(stderr).split("\n");
  equal(unknown, "COUNTERSIGN_METRIC is not a setting");
  match(
    sentence!,
    /^Countersign can't start: Requires write access to "[^"]+": .* serve` has all$/,
  );
});

Deno.test("with COUNTERSIGN_LOG=json every line is an event, and metrics are there where asked for", async () => {
  const env = { COUNTERSIGN_KV: ":memory:", COUNTERSIGN_SECRET: "A".repeat(43) };
  const plain = await start(env);
  match(await (await fetch(`${plain.url}/metrics`)).text(), /"not_found"/);
  equal(await plain.stop("SIGTERM"), 0);
  const child = command({ ...env, COUNTERSIGN_LOG: "json", COUNTERSIGN_METRICS: "1" }).spawn();
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes(`"event":"log_key"`)) said += (await reader.read()).value ?? "";
  const { url } = JSON.parse(said.split("\n")[0]!);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  match(metrics, /^countersign_log_entries 1$/m);
  child.kill("SIGTERM");
  for (let read = await reader.read(); !read.done; read = await reader.read()) said += read.value;
  const events = said.trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const { time, level, message } of events) {
    match(`${time} ${level}`, /^\d{4}-\d\d-\d\dT[\d:.]+Z (info|warn|error)$/);
    equal(typeof message, "string");
  }
  const names = events.map(({ event }) => event).filter((event) => event !== "no_pages");
  deepEqual(names, ["listening", "log_key", "stopping"]);
  equal(await new Response(child.stdout).text(), "");
  equal((await child.status).code, 0);
});
