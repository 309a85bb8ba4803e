/**
 * A group call of six in a real browser: everybody sees and hears everybody, whoever comes and goes, and
 * who left sees nothing more.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser, type Page } from "playwright-core";
import { readPages } from "../../routes/page.ts";
import { startService } from "../support/service.ts";
import { bundle, openBrowser } from "./harness.ts";
import { type GroupPage, type GroupReport } from "./pages/group_page.ts";

const HTML = `<!doctype html><meta charset="utf-8"><title>group</title><body>
<script src="/page.js"></script>`;
const NAMES = ["ada", "ben", "cleo", "dora", "emil", "fay"] as const;
/** After a leave nothing of the others may be decoded any more. */
const LEAVE_MS = 2_000;

Deno.test("six people in a group call, who come, leave and are cut off", async (t) => {
  const folder = await Deno.makeTempDir();
  await writeSite(folder);
  const kv = await Deno.openKv(":memory:");
  const service = await startService({ kv, pages: await readPages(new URL(`file://${folder}/`)) });
  const { browser, close } = await openBrowser();
  try {
    const people = new Map<string, Somebody>();
    for (const name of NAMES) people.set(name, await openPage(browser, service.url, name));
    const some = (...names: readonly string[]) => names.map((name) => people.get(name)!);
    const [ada, ...others] = some(...NAMES);
    const link = await ada!.ask("begin");

    await t.step("everybody decodes everybody", async () => {
      const began = performance.now();
      for (const other of others) await other.ask("join", link);
      await everybodySees(some(...NAMES));
      say(
        `six are connected and decode each other after ${Math.round(performance.now() - began)} ms`,
      );
    });

    await t.step(
      "one leaves, with its connections and keys, and decodes nothing after 2 s",
      async () => {
        const [fay] = some("fay");
        const before = await ada!.ask("report");
        const began = performance.now();
        await fay!.ask("slipOut");
        await until(async () => {
          const reports = await Promise.all(
            some(...NAMES.slice(0, 5)).map((one) => one.ask("report")),
          );
          return reports.every(({ generation }) => generation!.epoch > before.generation!.epoch);
        });
        say(`everybody else has other keys after ${Math.round(performance.now() - began)} ms`);
        await pause(Math.max(0, LEAVE_MS - (performance.now() - began)));
        const { framesDecoded } = await fay!.ask("report");
        await pause(2_000);
        assert.equal((await fay!.ask("report")).framesDecoded, framesDecoded);
        await everybodySees(some(...NAMES.slice(0, 5)));
      },
    );

    await t.step("whoever began the call is cut off, and the others go on", async () => {
      const [ben] = some("ben");
      const { generation } = await ben!.ask("report");
      await ada!.tab.close();
      await until(
        async () => (await ben!.ask("report")).generation!.epoch > generation!.epoch,
        40_000,
      );
      await everybodySees(some("ben", "cleo", "dora", "emil"));
    });

    await t.step("somebody comes back, and is seen again", async () => {
      const again = await openPage(browser, service.url, "fay-again");
      people.set("fay-again", again);
      await again.ask("join", link);
      await everybodySees(some("ben", "cleo", "dora", "emil", "fay-again"));
    });

    const errors = [...people.values()].flatMap(({ errors }) => errors);
    assert.deepEqual(errors, []);
  } finally {
    await close();
    await service.close();
    await Deno.remove(folder, { recursive: true });
  }
});

interface Somebody {
  readonly name: string;
  readonly tab: Page;
  readonly errors: readonly string[];
  ask<Name extends keyof GroupPage>(
    name: Name,
    ...args: Parameters<GroupPage[Name]>
  ): Promise<Awaited<ReturnType<GroupPage[Name]>>>;
}

async function openPage(browser: Browser, url: string, name: string): Promise<Somebody> {
  const tab = await (await browser.newContext()).newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(`${name}: ${error.message}`));
  await tab.goto(`${url}/`);
  const ask: Somebody["ask"] = (what, ...args) =>
    tab.evaluate(`group.${what}(...${JSON.stringify(args)})`);
  await ask("open", name);
  return { name, tab, errors, ask };
}

/** Waits until the count of pictures of each pair grows from now on, and each is heard. */
async function everybodySees(people: readonly Somebody[]): Promise<void> {
  const look = () => Promise.all(people.map((one) => one.ask("report")));
  const before = await look();
  let now = before;
  const isSeen = (report: GroupReport, i: number, other: string) => {
    const seen = report.others[other];
    const was = before[i]!.others[other]?.framesDecoded ?? 0;
    return seen !== undefined && seen.state === "connected" && seen.audioEnergy > 0 &&
      seen.framesDecoded > was + 5;
  };
  const all = (reports: readonly GroupReport[]) =>
    reports.every((report, i) =>
      Object.keys(report.others).length === people.length - 1 &&
      people.every(({ name }) => name === people[i]!.name || isSeen(report, i, name))
    );
  await until(async () => all(now = await look()), 60_000).catch((error) => {
    throw new Error(`${error}: ${JSON.stringify(now, null, 1)}`);
  });
  const pairs = now.flatMap(({ others }) => Object.values(others));
  say(
    `${pairs.length} ways, pictures decoded on each: ${
      pairs.map(({ framesDecoded }) => framesDecoded).join(" ")
    }`,
  );
}

async function writeSite(folder: string): Promise<void> {
  const [page, worker] = await Promise.all([
    bundle(new URL("./pages/group_page.ts", import.meta.url)),
    bundle(new URL("../../client/adapters/browser_worker.ts", import.meta.url)),
  ]);
  const site = { "index.html": HTML, "page.js": page, "worker.js": worker };
  for (const [name, text] of Object.entries(site)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

async function until(isSo: () => Promise<boolean>, ms = 15_000): Promise<void> {
  for (const end = performance.now() + ms; performance.now() < end;) {
    if (await isSo()) return;
    await pause(200);
  }
  throw new Error("It did not happen in time");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
