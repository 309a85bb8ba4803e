/**
 * The web pages: the files that were built into one folder, read once at the start.
 *
 * Only what stands in that table is ever served, so no path of a request can name another file.
 *
 * @module
 */

import { type Hono } from "hono";
import { toHex } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { route } from "./route.ts";

/** One file. */
export interface Page {
  /** Its media type. */
  readonly type: string;
  /** Its bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Changes with its bytes. */
  readonly etag: string;
}

/** The files by path; a page also stands where people look for it. */
export type Pages = ReadonlyMap<string, Page>;

/** Where people look for which page. */
const PAGES: Readonly<Record<string, string>> = {
  "index.html": "/",
  "log.html": "/log",
  "docs.html": "/docs",
};

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  webmanifest: "application/manifest+json",
  woff2: "font/woff2",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Reads a folder's files, not its subfolders; none where there is no such folder. */
export async function readPages(folder: URL): Promise<Pages> {
  const pages = new Map<string, Page>();
  let names: string[];
  try {
    names = (await Array.fromAsync(Deno.readDir(folder))).filter((one) => one.isFile)
      .map((one) => one.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return pages;
    throw error;
  }
  for (const name of names.sort()) {
    const type = TYPES[name.split(".").at(-1)!];
    if (type === undefined || !/^[A-Za-z0-9_.-]+$/.test(name)) continue;
    const bytes = await Deno.readFile(new URL(name, folder));
    const page: Page = { type, bytes, etag: `"${toHex(sha256(bytes).subarray(0, 16))}"` };
    pages.set(`/${name}`, page);
    const place = PAGES[name];
    if (place !== undefined) pages.set(place, page);
  }
  return pages;
}

/** Puts the files into the application. */
export function pageRoutes(app: Hono, pages: Pages): void {
  for (const [path, page] of pages) {
    route(app, path, { GET: (exchange) => answer(page, exchange.req.header("if-none-match")) });
  }
}

function answer(page: Page, known: string | undefined): Response {
  const headers = {
    "content-type": page.type,
    "content-security-policy": POLICY,
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self)",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    // Most names do not change with their bytes, so a browser asks again and is told "not modified".
    "cache-control": "no-cache",
    "etag": page.etag,
  };
  if (known === page.etag) return new Response(null, { status: 304, headers });
  // Said by ourselves, since the answer to HEAD has no body to count.
  return new Response(page.bytes, {
    headers: { ...headers, "content-length": `${page.bytes.length}` },
  });
}
