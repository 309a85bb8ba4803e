/**
 * The report: medians, ratios to the bare relays, how much the trials differ, and who was at the limit.
 *
 * @module
 */

import { type Contender } from "./contender.ts";
import { type Report } from "./load.ts";
import { LOADS, PACE_PER_SECOND, type Settings, type Trial } from "./trial.ts";

/** From which part of a core on the generator is said to have been at its limit. */
const GENERATOR_BOUND = 0.95;

/** The lines of the report. */
export function table(
  found: ReadonlyMap<Contender, readonly Trial[]>,
  settings: Settings,
): readonly string[] {
  const rows = [...found].filter(([, trials]) => trials.length > 0)
    .map(([{ name, includes }, trials]) => ({ name, includes, trials }));
  const cell = (text: string) => text.padStart(14);
  const row = (name: string, cells: readonly string[]) =>
    name.padEnd(20) + cells.map(cell).join("");
  const loads = LOADS.map(({ name }) => name);
  const floods = (trials: readonly Trial[], of: (report: Report) => number) =>
    LOADS.map((_, i) => median(trials.map((trial) => of(trial.floods[i]!))));

  const lines = [
    "",
    `${settings.bytes}-byte payloads; ${settings.inFlight} deliveries on their way at any time; ` +
    `${settings.ms} ms each, after a warm-up; ${
      settings.isPinned ? "one core each" : "not pinned"
    }`,
    "",
    row("deliveries a second", [...loads, "p50 ms", "p99 ms", "kB idle", "joins/s"]),
  ];
  for (const { name, trials } of rows) {
    const { latency, idleBytes, joins } = columnsOf(trials);
    lines.push(row(name, [
      ...floods(trials, (report) => report.perSecond).map(thousands),
      latency.p50.toFixed(2),
      latency.p99.toFixed(2),
      (idleBytes / 1_000).toFixed(1),
      joins.toFixed(0),
    ]));
  }
  lines.push("", row("a second of the server's processor time", loads.concat("joins")));
  for (const { name, trials } of rows) {
    lines.push(row(name, [
      ...floods(trials, busyRate).map(thousands),
      thousands(median(trials.map((trial) => busyRate(trial.joins)))),
    ]));
  }
  for (const relay of ["bare ws on Deno", "bare ws on Node", "bare Deno.serve"]) {
    const base = rows.find(({ name }) => name === relay);
    if (base === undefined) continue;
    lines.push("", row(`ratio to ${relay}`, loads) + "   (of processor time)");
    for (const { name, trials } of rows) {
      const ratio = (of: (report: Report) => number) => {
        const theirs = floods(base.trials, of);
        return floods(trials, of).map((ours, i) => ours / theirs[i]!);
      };
      const [clock, busy] = [ratio((report) => report.perSecond), ratio(busyRate)];
      lines.push(row(name, clock.map((part, i) => `${part.toFixed(2)} (${busy[i]!.toFixed(2)})`)));
    }
  }
  lines.push("", row("busy: server/load", [...loads, "joins"]));
  for (const { name, trials } of rows) {
    const reports = [...LOADS.map((_, i) => trials.map(({ floods }) => floods[i]!))];
    lines.push(row(name, [...reports, trials.map(({ joins }) => joins)].map(busyOf)));
  }
  lines.push("", row("spread of the trials", [...loads, "joins"]) + "   (of processor time)");
  for (const { name, trials } of rows) {
    const columns = [
      ...LOADS.map((_, i) => trials.map(({ floods }) => floods[i]!)),
      trials.map(({ joins }) => joins),
    ];
    lines.push(row(
      name,
      columns.map((reports) => {
        const clock = spread(reports.map(({ perSecond }) => perSecond));
        return `${percent(clock)} (${percent(spread(reports.map(busyRate)))})`;
      }),
    ));
  }
  lines.push("", ...rows.map(({ name, includes }) => `${name}: ${includes}`));
  return [
    ...lines,
    "",
    `latency: 1:1 in 50 rooms, ${PACE_PER_SECOND} messages/s together.`,
    "busy: parts of a core. Where the generator is at its limit " +
    `(from ${GENERATOR_BOUND}, marked !) a server's figure by the clock is a lower bound; where ` +
    "neither is, others had the cores, and the figures of processor time say more.",
    "spread: from the least to the most of the trials, as a part of their median: the machine's noise.",
    `Others on the machine: a load of ${Deno.loadavg()[0]!.toFixed(1)} at the end of the run.`,
  ];
}

function columnsOf(trials: readonly Trial[]) {
  return {
    latency: {
      p50: median(trials.map(({ latency }) => latency.p50)),
      p99: median(trials.map(({ latency }) => latency.p99)),
    },
    idleBytes: median(trials.map(({ idleBytes }) => idleBytes)),
    joins: median(trials.map(({ joins }) => joins.perSecond)),
  };
}

function busyRate({ perBusySecond }: Report): number {
  return perBusySecond ?? NaN;
}

function busyOf(reports: readonly Report[]): string {
  const load = median(reports.map(({ loadBusy }) => loadBusy));
  const server = median(reports.map(({ serverBusy }) => serverBusy ?? NaN));
  return `${server.toFixed(2)}/${load.toFixed(2)}${load >= GENERATOR_BOUND ? "!" : ""}`;
}

function spread(numbers: readonly number[]): number {
  return (Math.max(...numbers) - Math.min(...numbers)) / median(numbers);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}

function thousands(number: number): string {
  return `${(number / 1_000).toFixed(1)}k`;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
