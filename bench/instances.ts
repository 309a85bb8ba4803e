/**
 * Two instances on one denokv server, on one machine: how long a message takes from a member of the one
 * to a member of the other, and how many go through.
 *
 *     deno task bench:instances
 *
 * It needs the `denokv` program: see docs/OPERATIONS.md. Both services, the server and the load share
 * the machine's cores, so the figures are of all of them together.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { startChild } from "../tests/support/child_service.ts";
import { findDenoKv, startDenoKv } from "../tests/support/denokv.ts";
import { registered } from "../tests/support/dpop.ts";
import { type TestService } from "../tests/support/service.ts";
import { ORIGIN } from "../tests/support/service_core.ts";
import { authFrame } from "../tests/support/socket.ts";
import { openRoomId } from "../wire/room_id.ts";
import { SOCKET, SUBPROTOCOL } from "../wire/paths.ts";

/** Bytes of a sealed message: the smallest size to which they are padded, and its seal. */
const CT_BYTES = 560;
/** What a connection may send a second stays below the limit of frames. */
const PER_SECOND = 25;
const WARM_UP_MS = 1_000;
const RUN_MS = 6_000;

interface Member {
  readonly room: string;
  readonly send: (frame: unknown) => void;
  readonly close: () => void;
  onFrame: (frame: { readonly t: string; readonly id?: string }) => void;
}

async function memberOf(service: TestService, name: string, room: string): Promise<Member> {
  const account = await registered(service, name);
  const socket = new WebSocket(service.url.replace("http", "ws") + SOCKET, SUBPROTOCOL);
  const { promise, resolve } = Promise.withResolvers<void>();
  let acked = 0;
  const member: Member = {
    room,
    send: (frame) => socket.send(JSON.stringify(frame)),
    close: () => socket.close(),
    onFrame: () => {},
  };
  socket.onmessage = async ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.t === "hello") member.send(await authFrame(service, account, frame.nonce));
    if (frame.t === "welcome") member.send({ t: "join", id: "j", room });
    if (frame.t === "joined") resolve();
    if (frame.t === "error") throw new Error(`refused: ${frame.code}`);
    if (frame.seq - acked >= 16) member.send({ t: "ack", seq: acked = frame.seq });
    member.onFrame(frame);
  };
  await promise;
  return member;
}

function quantile(sorted: readonly number[], q: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN).toFixed(1);
}

/** One message after the other, or a steady rate of many pairs; prints one line. */
async function measure(
  label: string,
  from: TestService,
  to: TestService,
  pairs: number,
  perSecond: number,
): Promise<void> {
  const made = await Promise.all(Array.from({ length: pairs }, async () => {
    const room = openRoomId();
    const name = () => `b${toBase64Url(randomBytes(9)).toLowerCase().replace(/[-_]/g, "x")}`;
    return [await memberOf(from, name(), room), await memberOf(to, name(), room)] as const;
  }));
  const ct = toBase64Url(randomBytes(CT_BYTES));
  const sentMs = new Map<string, number>();
  const hops: number[] = [];
  const acks: number[] = [];
  let isMeasured = false;
  let n = 0;
  const timers = made.map(([sender, receiver], pair) => {
    receiver.onFrame = ({ t, id }) => {
      const startMs = sentMs.get(id ?? "");
      if (t === "signal" && startMs !== undefined && isMeasured) {
        hops.push(performance.now() - startMs);
      }
    };
    sender.onFrame = ({ t, id }) => {
      const startMs = sentMs.get(id ?? "");
      if (t === "ack" && startMs !== undefined && isMeasured) {
        acks.push(performance.now() - startMs);
      }
    };
    const { room } = sender;
    return setInterval(() => {
      const id = `${pair}-${n++}`;
      sentMs.set(id, performance.now());
      sender.send({ t: "signal", id, room, to: "*", ct });
    }, 1_000 / perSecond);
  });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  isMeasured = true;
  await new Promise((resolve) => setTimeout(resolve, RUN_MS));
  isMeasured = false;
  timers.forEach(clearInterval);
  for (const [sender, receiver] of made) {
    sender.close();
    receiver.close();
  }
  hops.sort((a, b) => a - b);
  acks.sort((a, b) => a - b);
  const rate = Math.round(hops.length / (RUN_MS / 1_000));
  console.log(
    `${label.padEnd(34)} ${String(pairs * perSecond).padStart(6)} ${String(rate).padStart(10)} ` +
      `${quantile(hops, 0.5).padStart(8)} ${quantile(hops, 0.99).padStart(8)} ` +
      `${quantile(acks, 0.5).padStart(8)} ${quantile(acks, 0.99).padStart(8)}`,
  );
}

const program = await findDenoKv();
if (program === null) {
  console.error(
    "There is no denokv here: `cargo install denokv`, or name it in COUNTERSIGN_DENOKV",
  );
  Deno.exit(1);
}

const server = await startDenoKv(program);
const data = await Deno.makeTempDir();
const env = {
  COUNTERSIGN_KV: server.url,
  DENO_KV_ACCESS_TOKEN: server.token,
  COUNTERSIGN_SECRET: toBase64Url(randomBytes(32)),
};
const start = () => startChild(data, ORIGIN, env);
const one = await start();
const two = await start();
console.log(
  `${"".padEnd(34)} ${"sent/s".padStart(6)} ${"delivered/s".padStart(10)} ` +
    `${"hop p50".padStart(7)} ${"p99 ms".padStart(8)} ${"ack p50".padStart(8)} ${
      "p99 ms".padStart(8)
    }`,
);
await measure("one pair, on one instance", one, one, 1, 10);
await measure("one pair, between two instances", one, two, 1, 10);
for (const pairs of [4, 16, 64]) {
  await measure(`${pairs} pairs, between two instances`, one, two, pairs, PER_SECOND);
}
await one.close();
await two.close();
await server.close();
await Deno.remove(data, { recursive: true });
