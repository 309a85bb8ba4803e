/**
 * What the service counts about itself, as Prometheus reads it (text format 0.0.4).
 *
 *     ctx.metrics.count("frames_received", "signal")
 *     ctx.metrics.measure("connections", () => connections.size)
 *
 * What may be counted, and by which label, stands in one table. A label's value is one of ours: the `t`
 * of a frame that was read, a code, an operation. Nothing that a client writes, no name and no address,
 * is ever one. Counting is a few nanoseconds and never throws.
 *
 * @module
 */

/** What is counted: words for people, and the labels by which it is told apart. */
const COUNTERS = {
  frames_received: { says: "Frames of clients that were read, by type", labels: ["t"] },
  frames_sent: { says: "Frames handed to sockets, by type", labels: ["t"] },
  frames_unreadable: { says: "Frames of clients that could not be read", labels: [] },
  acks: { says: "What became of signals and rings", labels: ["status"] },
  refusals: { says: "Frames that were refused, by code", labels: ["code"] },
  sockets: { says: "WebSockets that were opened", labels: [] },
  closes: { says: "Connections that the service ended, by close code", labels: ["code"] },
  resumes: { says: "What came of going on with a connection", labels: ["outcome"] },
  mail: { says: "What happened to entries of mailboxes", labels: ["event"] },
  pushes: { says: "What became of pushes", labels: ["outcome"] },
  http_requests: {
    says: "HTTP requests, by operation and class of status",
    labels: ["route", "status"],
  },
  faults: { says: "Faults of the service itself", labels: [] },
} as const;

/** What has a size at each moment. */
const GAUGES = {
  connections: "Connections, those included that may be resumed",
  open_sockets: "WebSockets that are open",
  rooms: "Rooms with a connection of this instance in them",
  log_entries: "Entries of the published head",
  log_unpublished_entries: "Entries of the log that no published head covers yet",
  log_head_age_seconds: "How old the published head is, by its witnesses; absent without witnesses",
  log_frozen: "1 where the log is frozen",
  resident_memory_bytes: "Memory of the process",
} as const;

/** Something that is counted. */
export type CounterName = keyof typeof COUNTERS;
/** Something that is measured when it is asked for. */
export type GaugeName = keyof typeof GAUGES;

type Labels = { readonly [N in CounterName]: (typeof COUNTERS)[N]["labels"]["length"] };
/** As many values as the counter has labels. */
export type LabelValues<N extends CounterName> = Labels[N] extends 0 ? []
  : Labels[N] extends 1 ? [value: string | number]
  : [value: string | number, value: string | number];

/** The counters of one service. */
export interface Metrics {
  /** Counts one. @param values of the counter's labels, in their order: from code, never from a client */
  count<N extends CounterName>(name: N, ...values: LabelValues<N>): void;
  /** Counts several. */
  add<N extends CounterName>(name: N, several: number, ...values: LabelValues<N>): void;
  /** Says how something is measured; null where it can't be told now. */
  measure(name: GaugeName, read: () => number | null | Promise<number | null>): void;
  /** All of it in Prometheus's text format. What can't be measured is left out. */
  text(): Promise<string>;
}

/** Most series of one counter: a label with more values than that was filled by somebody else. */
const MAX_SERIES = 512;
const PREFIX = "countersign_";

/** Nothing counted yet. */
export function openMetrics(): Metrics {
  const counts = new Map<CounterName, Map<string, number>>();
  const gauges = new Map<GaugeName, () => number | null | Promise<number | null>>();

  async function measured(name: GaugeName): Promise<number | null> {
    try {
      return await gauges.get(name)?.() ?? null;
    } catch {
      return null;
    }
  }

  function add(name: CounterName, several: number, values: readonly (string | number)[]): void {
    let series = counts.get(name);
    if (series === undefined) counts.set(name, series = new Map());
    const key = values.length === 1 ? String(values[0]) : values.join("\n");
    const held = series.get(key);
    if (held === undefined && series.size >= MAX_SERIES) return;
    series.set(key, (held ?? 0) + several);
  }

  return {
    count: (name, ...values) => add(name, 1, values),
    add: (name, several, ...values) => add(name, several, values),
    measure: (name, read) => void gauges.set(name, read),
    async text() {
      const lines: string[] = [];
      for (const [name, { says, labels }] of Object.entries(COUNTERS)) {
        const full = `${PREFIX}${name}_total`;
        lines.push(`# HELP ${full} ${says}.`, `# TYPE ${full} counter`);
        const series = counts.get(name as CounterName) ?? new Map<string, number>();
        if (labels.length === 0) lines.push(`${full} ${series.get("") ?? 0}`);
        else for (const [key, n] of series) lines.push(`${full}{${pairs(labels, key)}} ${n}`);
      }
      for (const [name, says] of Object.entries(GAUGES)) {
        const value = await measured(name as GaugeName);
        if (value === null) continue;
        lines.push(`# HELP ${PREFIX}${name} ${says}.`, `# TYPE ${PREFIX}${name} gauge`);
        lines.push(`${PREFIX}${name} ${value}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
}

/** `t="signal"`; values are ours, and have nothing to be escaped. */
function pairs(labels: readonly string[], key: string): string {
  const values = key.split("\n");
  return labels.map((label, i) => `${label}="${values[i]}"`).join(",");
}
