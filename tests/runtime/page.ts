/**
 * The page that runs a module of checks in a browser and sends its result back.
 *
 * It listens on 127.0.0.1 alone, which browsers hold to be a secure context, serves three texts, and
 * takes one result.
 *
 * @module
 */

/** A page that waits for a browser. */
export interface Page {
  /** Where it is. */
  readonly url: string;
  /** What `run` returned in the browser; rejects with its error, or after five minutes of silence. */
  readonly result: Promise<unknown>;
  /** Ends the server. */
  close(): Promise<void>;
}

/** No check takes this long: it only ends a run whose browser hangs. */
const PATIENCE_MS = 300_000;

const HTML = `<!doctype html><meta charset="utf-8"><title>Checks</title><script type="module">
const send = (result) => fetch("result", { method: "POST", body: JSON.stringify(result) });
try {
  const { run } = await import("./checks.mjs");
  const input = await (await fetch("input.json")).json();
  await send({ output: await run(input) });
} catch (error) {
  await send({ error: String(error?.stack ?? error) + " " + String(error) });
}
</script>`;

/** Serves a page that runs a bundled module once. */
export function servePage(script: string, input: string): Page {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  // Whoever visits the page awaits it; a browser that never started leaves it to nobody.
  promise.catch(() => {});
  const silence = setTimeout(() => reject(new Error("The browser sent nothing")), PATIENCE_MS);
  const answer = async (request: Request): Promise<Response> => {
    switch (new URL(request.url).pathname) {
      case "/":
        return texts(HTML, "text/html; charset=utf-8");
      case "/checks.mjs":
        return texts(script, "text/javascript; charset=utf-8");
      case "/input.json":
        return texts(input, "application/json");
      case "/result": {
        const { output, error } = await request.json();
        if (error === undefined) resolve(output);
        else reject(new Error(`In the browser: ${error}`));
        return new Response(null, { status: 204 });
      }
      default:
        return new Response(null, { status: 404 });
    }
  };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    result: promise,
    async close() {
      clearTimeout(silence);
      await server.shutdown();
    },
  };
}

function texts(body: string, type: string): Response {
  return new Response(body, { headers: { "content-type": type } });
}
