/**
 * A page in any browser, that does what a test asks of it: it fetches each request from the test's own
 * server and posts the answer, so that the browser needs no remote protocol.
 *
 * @module
 */

import { startFirefox } from "../runtime/firefox.ts";
import { openBrowser } from "./harness.ts";

/** A page and its browser. */
export interface RemotePage {
  /** Name and version of the browser. */
  readonly browser: string;
  /** Calls a global function of the page. @throws Error with the page's own words */
  ask<T>(name: string, ...args: readonly unknown[]): Promise<T>;
  /** Ends the browser. */
  close(): Promise<void>;
}

/** How long a page has for one request. */
const PATIENCE_MS = 60_000;

const HTML = `<!doctype html><meta charset="utf-8"><title>Remote</title><body>
<script src="/page.js"></script><script type="module">
for (;;) {
  const { id, name, args } = await (await fetch("/next")).json();
  const answer = await Promise.resolve().then(() => globalThis[name](...args))
    .then((result) => ({ result }), (error) => ({ error: String(error?.stack ?? "") + " " + error }));
  await fetch("/done/" + id, { method: "POST", body: JSON.stringify(answer) });
}
</script>`;

interface Asked {
  readonly id: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
}

/**
 * Opens a page, or gives null where there is no Firefox.
 *
 * @param scripts by path; `/page.js` is run, the others are for its workers
 * @param wishes by path; what is done when the page posts there
 */
export async function openRemotePage(
  kind: "chromium" | "firefox",
  scripts: Readonly<Record<string, string>>,
  wishes: Readonly<Record<string, () => void>> = {},
): Promise<RemotePage | null> {
  const waiting: Asked[] = [];
  const answers = new Map<string, (answer: Answer) => void>();
  let wake: () => void = () => {};
  let isClosed = false;

  const serve = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return text(HTML, "text/html; charset=utf-8");
    if (pathname === "/next") {
      // A page that is there again asks anew: whoever asked before has nothing to wait for.
      wake();
      if (waiting.length === 0 && !isClosed) await new Promise<void>((resolve) => wake = resolve);
      const asked = waiting.shift();
      return asked === undefined ? new Response(null, { status: 410 }) : Response.json(asked);
    }
    if (pathname.startsWith("/done/")) {
      answers.get(pathname.slice(6))?.(await request.json());
      return new Response(null, { status: 204 });
    }
    if (pathname in wishes) {
      wishes[pathname]!();
      return new Response(null, { status: 204 });
    }
    const script = scripts[pathname];
    if (script === undefined) return new Response(null, { status: 404 });
    return text(script, "text/javascript; charset=utf-8");
  };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, serve);
  const browser = await start(kind, `http://127.0.0.1:${server.addr.port}/`);
  if (browser === null) {
    await server.shutdown();
    return null;
  }
  return {
    browser: browser.name,
    async ask<T>(name: string, ...args: readonly unknown[]): Promise<T> {
      const id = crypto.randomUUID();
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const late = setTimeout(() => reject(new Error(`No answer to ${name}`)), PATIENCE_MS);
      answers.set(id, resolve);
      waiting.push({ id, name, args });
      wake();
      try {
        const { result, error } = await Promise.race([promise, browser.ended]);
        if (error !== undefined) throw new Error(`In ${browser.name}: ${error}`);
        return result as T;
      } finally {
        clearTimeout(late);
        answers.delete(id);
      }
    },
    async close() {
      isClosed = true;
      wake();
      await browser.close();
      await server.shutdown();
    },
  };
}

async function start(kind: "chromium" | "firefox", url: string): Promise<
  {
    readonly name: string;
    readonly ended: Promise<never>;
    close(): Promise<void>;
  } | null
> {
  if (kind === "firefox") {
    const firefox = await startFirefox(url);
    return firefox && {
      name: `Firefox ${firefox.version}`,
      ended: firefox.ended,
      close: () => firefox.close(),
    };
  }
  const { browser, version, close } = await openBrowser();
  await (await browser.newPage()).goto(url);
  return { name: `Chromium ${version}`, ended: new Promise(() => {}), close };
}

function text(body: string, type: string): Response {
  return new Response(body, { headers: { "content-type": type } });
}
