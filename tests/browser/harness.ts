/**
 * A real browser for tests: finds one, starts it with fake media devices, bundles page code.
 *
 * It serves nothing and keeps nothing: every browser has a new profile, which goes with it. In
 * order: `COUNTERSIGN_BROWSER` (a path, or `sparticuz`), a Chromium of the system, and else the
 * Chromium that the npm package `@sparticuz/chromium` brings along.
 *
 * @module
 */

import { type Browser, chromium } from "playwright-core";

/** A browser that was started for a test. */
export interface OpenBrowser {
  /** Where it comes from: an executable of the system, or the npm package. */
  readonly name: string;
  /** Its version, as it states it. */
  readonly version: string;
  /** Playwright's handle. */
  readonly browser: Browser;
  /** Ends it and removes its profile. */
  close(): Promise<void>;
}

const SYSTEM_NAMES = ["chromium", "chromium-headless-shell", "google-chrome"] as const;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
] as const;

/**
 * Starts a browser and says which in the test output.
 *
 * @param flags beside those that every test has
 * @throws Error where none starts
 */
export async function openBrowser(flags: readonly string[] = []): Promise<OpenBrowser> {
  const { name, path } = await findBrowser();
  const browser = await chromium.launch({
    executablePath: path,
    headless: true,
    args: [...FLAGS, ...flags],
    // Playwright makes a new user-data-dir for each launch and removes it on close.
    timeout: 60_000,
  });
  const version = browser.version();
  say(`browser: ${name}, version ${version}`);
  return { name, version, browser, close: () => browser.close() };
}

/**
 * One script with everything that the entry imports in it: classic, for a page or a worker, or a module
 * that exports what the entry does.
 *
 * @param entry a module of this repository, as a URL
 */
export async function bundle(entry: URL, format: "iife" | "esm" = "iife"): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", `--format=${format}`, entry.href],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot bundle ${entry.pathname}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

async function findBrowser(): Promise<{ name: string; path: string }> {
  const wish = Deno.env.get("COUNTERSIGN_BROWSER") ?? "";
  if (wish !== "" && wish !== "sparticuz") return { name: wish, path: wish };
  if (wish === "") {
    for (const name of SYSTEM_NAMES) {
      const path = await onPath(name);
      if (path !== null) return { name: `${path} of the system`, path };
    }
  }
  // Loaded only here: it brings 66 MB, which it unpacks into the temporary folder.
  const { default: sparticuz } = await import("@sparticuz/chromium");
  sparticuz.setGraphicsMode = false;
  return { name: "npm:@sparticuz/chromium", path: await sparticuz.executablePath() };
}

/** The path of a program of the system, or null. */
export async function onPath(name: string): Promise<string | null> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (folder === "") continue;
    const path = `${folder}/${name}`;
    try {
      const info = await Deno.stat(path);
      if (info.isFile) return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
