/**
 * A program that asks a service for many sockets, signs in on none, and keeps what it gets.
 *
 *     deno run --allow-net connect_flood.ts <url> <count>
 *
 * It prints "ready" and waits for a line; then it asks, prints how many answers had which status, as
 * JSON, and keeps the sockets until its input ends.
 *
 * @module
 */

import { type RawSocket, rawSocket } from "./raw_socket.ts";

/** How many at a time: the answers are what is counted, not what the kernel queues. */
const AT_ONCE = 8;

const [url, count] = Deno.args;
const statuses: Record<string, number> = {};
const held: RawSocket[] = [];
let left = Number(count);

async function ask(): Promise<void> {
  while (left-- > 0) {
    const socket = await rawSocket({ url: url! });
    statuses[socket.status] = (statuses[socket.status] ?? 0) + 1;
    if (socket.status === 101) held.push(socket);
    else socket[Symbol.dispose]();
  }
}

const input = Deno.stdin.readable.getReader();
console.log("ready");
await input.read();
await Promise.all(Array.from({ length: AT_ONCE }, ask));
console.log(JSON.stringify(statuses));
await input.read();
for (const socket of held) socket[Symbol.dispose]();
