/**
 * From the press of the button to the first decoded picture, over the real service, between two pages.
 *
 * @module
 */

import { readPages } from "../../routes/page.ts";
import { bundle, openBrowser } from "../../tests/browser/harness.ts";
import { startService } from "../../tests/support/service.ts";
import { median } from "../shared/rounds.ts";

const HTML = `<!doctype html><meta charset="utf-8"><title>bench</title><body>
<script src="/page.js"></script>`;
const MODES = ["encrypted", "plain"] as const;

/** Calls again and again, in turn with frame encryption and without, with a line each. */
export async function timeFirstFrames(
  rounds: number,
  say: (line: string) => void,
): Promise<void> {
  const opened = await openBrowser().catch((error) => {
    say(`no browser: ${error instanceof Error ? error.message : error}`);
    return null;
  });
  if (opened === null) return;
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(":memory:");
  await writeSite(folder);
  const service = await startService({ kv, pages: await readPages(new URL(`file://${folder}/`)) });
  try {
    const open = async (label: string) => {
      const page = await (await opened.browser.newContext()).newPage();
      await page.goto(`${service.url}/`);
      await page.evaluate(`caller.open("${label}")`);
      return page;
    };
    const alice = await open("alice");
    const bobs = await Promise.all(MODES.map(async (mode) => {
      const page = await open(`bob-${mode}`);
      await page.evaluate(`caller.answerAll("${mode}")`);
      return page;
    }));
    const times: Record<string, number[]> = { encrypted: [], plain: [], bare: [] };
    for (let round = 0; round < rounds; round++) {
      for (const mode of MODES) {
        times[mode]!.push(await alice.evaluate(`caller.call("bob-${mode}", "${mode}")`));
      }
      times["bare"]!.push(await alice.evaluate("caller.bare()"));
    }
    for (const bob of bobs) await bob.close();
    const [encrypted, plain, bare] = Object.values(times).map((all) => Math.round(median(all)));
    say(
      `median of ${rounds}: ${encrypted} ms; without frame encryption ${plain} ms, ` +
        `${(encrypted! / plain!).toFixed(2)} times as long; ` +
        `two connections of one page, without service and session: ${bare} ms`,
    );
  } finally {
    await opened.close();
    await service.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes what the service is to serve into a folder. */
async function writeSite(folder: string): Promise<void> {
  const [page, worker] = await Promise.all([
    bundle(new URL("./call_page.ts", import.meta.url)),
    bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  ]);
  const site = { "index.html": HTML, "page.js": page, "worker.js": worker };
  for (const [name, text] of Object.entries(site)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}
