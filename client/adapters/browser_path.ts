/**
 * Which way the media of a connection go, and in which codecs, as the browser's statistics have it. It is the
 * browser's own word about itself, for people to look at: nothing is decided by it.
 *
 * @module
 */

/** Which way media go at the moment. */
export interface MediaPath {
  /** `relayed`: over a TURN server of either side. Null while there is no way. */
  readonly transport: "direct" | "relayed" | null;
  /** What carries it to the other side, or to one's own TURN server: `udp`, `tcp` or `tls`; or empty. */
  readonly protocol: string;
  /** There and back, in milliseconds; null while that was not measured. */
  readonly roundTripMs: number | null;
  /** The codecs that are sent, such as `opus` and `VP8`, each once. */
  readonly sent: readonly string[];
  /** The codecs that come. */
  readonly received: readonly string[];
}

/** No way to anybody. */
export const NO_PATH: MediaPath = {
  transport: null,
  protocol: "",
  roundTripMs: null,
  sent: [],
  received: [],
};

/** What a report of `RTCStatsReport` may hold; browsers leave members out. */
interface Report {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Reads the statistics of a connection. */
export function pathOf(stats: ReadonlyMap<string, Report>): MediaPath {
  const reports = [...stats.values()];
  const pair = selectedPair(reports, stats);
  const [local, remote] = [pair?.["localCandidateId"], pair?.["remoteCandidateId"]]
    .map((id) => stats.get(String(id)));
  const isRelayed = [local, remote].some((candidate) => candidate?.["candidateType"] === "relay");
  const seconds = pair?.["currentRoundTripTime"];
  return {
    transport: pair === undefined ? null : isRelayed ? "relayed" : "direct",
    protocol: String(local?.["relayProtocol"] ?? local?.["protocol"] ?? ""),
    roundTripMs: typeof seconds === "number" ? seconds * 1000 : null,
    sent: codecsOf("outbound-rtp", reports, stats),
    received: codecsOf("inbound-rtp", reports, stats),
  };
}

function selectedPair(
  reports: readonly Report[],
  stats: ReadonlyMap<string, Report>,
): Report | undefined {
  const transport = reports.find(({ type }) => type === "transport");
  const named = stats.get(String(transport?.["selectedCandidatePairId"]));
  // Firefox names none.
  return named ??
    reports.find(({ type, nominated, state }) =>
      type === "candidate-pair" && nominated === true && state === "succeeded"
    );
}

function codecsOf(
  kind: string,
  reports: readonly Report[],
  stats: ReadonlyMap<string, Report>,
): readonly string[] {
  const names = reports.flatMap((report) => {
    // A line on which nothing goes has a codec all the same.
    const packets = report["packetsSent"] ?? report["packetsReceived"];
    if (report.type !== kind || !(Number(packets) > 0)) return [];
    const mime = stats.get(String(report["codecId"]))?.["mimeType"];
    return typeof mime === "string" ? [mime.slice(mime.indexOf("/") + 1)] : [];
  });
  return [...new Set(names)];
}
