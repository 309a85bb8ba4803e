import { deepEqual, equal, match } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { readPages } from "../../routes/page.ts";
import { startService } from "../support/service.ts";

async function folderWith(files: Record<string, string>): Promise<URL> {
  const folder = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return pathToFileURL(`${folder}/`);
}

Deno.test("the page is served with its types, a strict policy, and 304 when known", async () => {
  const files = { "index.html": "<p>hi", "app.js": "1", "chunk-Z4KRSHNG.js": "2", "mark.svg": "" };
  const folder = await folderWith({ ...files, "notes.txt": "no" });
  await using service = await startService({ pages: await readPages(folder) });
  const [page, script] = [await fetch(`${service.url}/`), await fetch(`${service.url}/app.js`)];
  deepEqual([page.status, await page.text()], [200, "<p>hi"]);
  match(page.headers.get("content-type")!, /^text\/html/);
  match(page.headers.get("content-security-policy")!, /default-src 'none'; script-src 'self'/);
  equal(page.headers.get("content-security-policy")!.includes("unsafe"), false);
  equal(page.headers.has("access-control-allow-origin"), false);
  match(script.headers.get("content-type")!, /^text\/javascript/);
  await script.body?.cancel();
  for (const [name, type] of [["chunk-Z4KRSHNG.js", /^text\/javascript/], ["mark.svg", /svg/]]) {
    const { headers, body } = await fetch(`${service.url}/${name}`);
    match(headers.get("content-type")!, type as RegExp);
    await body?.cancel();
  }
  const asked = await fetch(`${service.url}/`, { method: "HEAD" });
  deepEqual([asked.headers.get("content-length"), await asked.text()], ["5", ""]);
  const headers = { "if-none-match": page.headers.get("etag")! };
  const again = await fetch(`${service.url}/`, { headers });
  deepEqual([again.status, await again.text()], [304, ""]);
});

Deno.test("the log's page stands at /log, beside the log itself", async () => {
  const folder = await folderWith({ "index.html": "<p>calls", "log.html": "<p>log" });
  await using service = await startService({ pages: await readPages(folder) });
  for (const [path, text] of [["/", "<p>calls"], ["/log", "<p>log"], ["/log.html", "<p>log"]]) {
    const page = await fetch(service.url + path);
    deepEqual([page.status, await page.text()], [200, text], path);
    match(page.headers.get("content-type")!, /^text\/html/);
    match(page.headers.get("content-security-policy")!, /script-src 'self'/);
    equal(page.headers.has("access-control-allow-origin"), false);
  }
  const checkpoint = await fetch(`${service.url}/log/checkpoint`);
  match(await checkpoint.text(), /^test\.invalid\/kt\/1\n1\n/);
});

Deno.test("no path leads out of the page's folder", async () => {
  const folder = await folderWith({ "index.html": "<p>hi", "notes.txt": "secret" });
  await using service = await startService({ pages: await readPages(folder) });
  const { port } = new URL(service.url);
  for (
    const path of [
      "/notes.txt",
      "/../secret",
      "/..%2fsecret",
      "/%2e%2e/%2e%2e/etc/passwd",
      "//etc/passwd",
      "/index.html%00",
      "/INDEX.HTML",
    ]
  ) {
    // By hand, because fetch would tidy the path.
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const request = `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\nconnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const answer = await new Response(connection.readable).text();
    match(answer, /^HTTP\/1\.1 (404|400)/, path);
  }
});

Deno.test("a service without a page has nothing at /", async () => {
  const pages = await readPages(new URL("file:///nowhere/at/all/"));
  await using service = await startService({ pages });
  const response = await fetch(`${service.url}/`);
  deepEqual([response.status, (await response.json()).code], [404, "not_found"]);
});
