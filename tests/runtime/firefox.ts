/**
 * Firefox for tests: Debian's ESR, where it is installed, with a new profile that goes with it.
 *
 * Driven by nothing but the page that it opens: no remote protocol, so no package for one. Its own
 * services are turned off, so that a test asks nothing of the network.
 *
 * @module
 */

import { onPath } from "../browser/harness.ts";
import { type Page } from "./page.ts";

/** A `firefox` may be a snap, or a script that asks for one, and those read no profile of ours. */
const SYSTEM_NAME = "firefox-esr";

const PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "browser.startup.page": 0,
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  // A microphone and a camera that need no permission, and connections between pages of one machine.
  "media.autoplay.default": 0,
  "media.navigator.permission.disabled": true,
  "media.navigator.streams.fake": true,
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.prefetch-next": false,
  "network.proxy.type": 0,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "",
} as const;

/** A Firefox that shows a page. */
export interface Firefox {
  /** As it states it. */
  readonly version: string;
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>;
  /** Ends it and removes its profile. */
  close(): Promise<void>;
}

/** Starts Firefox on a page, or gives null where there is none. */
export async function startFirefox(url: string): Promise<Firefox | null> {
  const path = await onPath(SYSTEM_NAME);
  if (path === null) return null;
  const profile = await Deno.makeTempDir({ prefix: "countersign-firefox-" });
  const lines = Object.entries(PREFERENCES)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  await Deno.writeTextFile(`${profile}/user.js`, lines.join(""));
  const process = new Deno.Command(path, {
    args: ["--headless", "--no-remote", "--profile", profile, url],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = process.status.then(({ code }) => {
    throw new Error(`Firefox ended with status ${code}`);
  });
  ended.catch(() => {});
  return {
    version: await versionOf(path),
    ended,
    async close() {
      stop(process);
      await process.status;
      await Deno.remove(profile, { recursive: true });
    },
  };
}

/**
 * Opens the page in Firefox and waits for its result; the version, or null where there is none.
 *
 * @throws Error where Firefox ends before the page sent its result
 */
export async function runInFirefox(page: Page): Promise<string | null> {
  const firefox = await startFirefox(page.url);
  if (firefox === null) return null;
  try {
    await Promise.race([page.result, firefox.ended]);
    return firefox.version;
  } finally {
    await firefox.close();
  }
}

/** "153.7.0esr" of "Mozilla Firefox 153.7.0esr". */
async function versionOf(path: string): Promise<string> {
  const { stdout } = await new Deno.Command(path, { args: ["--version"], stdin: "null" }).output();
  return new TextDecoder().decode(stdout).trim().split(" ").at(-1) ?? "of unknown version";
}

function stop(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch {
    // It ended by itself.
  }
}
