/**
 * The process of one server that is not ours.
 *
 *     peer_server.js <contender> <port>
 *
 * @module
 */

import { serveDeno, serveWs } from "./bare.ts";
import { answerWeight } from "./weight.ts";
import { servePeerjs } from "./peerjs.ts";
import { serveSocketIo } from "./socket_io.ts";
import { serveYWebrtc } from "./y_webrtc.ts";

const SERVERS: Readonly<Record<string, (port: number) => void | Promise<void>>> = {
  "peer": servePeerjs,
  "y-webrtc": serveYWebrtc,
  "socket.io": (port) => serveSocketIo(port, false),
  "socket.io, recovery": (port) => serveSocketIo(port, true),
  "bare ws on Node": serveWs,
  "bare ws on Deno": serveWs,
  "bare Deno.serve": serveDeno,
};

const { process } = globalThis as unknown as { process: { argv: string[] } };
const [name, port] = process.argv.slice(2) as [string, string];
await SERVERS[name]!(Number(port));
await answerWeight();
