/**
 * Datagrams on loopback, as media programs send and take them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";

/** A UDP socket at 127.0.0.1. */
export interface PacketSocket extends AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  /** All that came, in order. */
  readonly packets: readonly Buffer[];
  /** Sends a datagram to a port of 127.0.0.1. */
  send(packet: Uint8Array, port: number): void;
}

/** Opens one on a port that was free. */
export async function packetSocket(): Promise<PacketSocket> {
  const socket = createSocket("udp4");
  const packets: Buffer[] = [];
  socket.on("message", (packet: Uint8Array) => packets.push(Buffer.from(packet)));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    packets,
    send: (packet, port) => socket.send(packet, port, "127.0.0.1"),
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
