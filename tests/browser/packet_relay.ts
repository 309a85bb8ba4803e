/**
 * A relay of UDP packets between two sides that know each other by its ports alone, until it is cut.
 *
 * @module
 */

import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces } from "node:os";

/** Two ports: what comes to one leaves from the other. */
export interface PacketRelay extends AsyncDisposable {
  /** This machine's own address: browsers take no loopback candidates. */
  readonly host: string;
  /** What the answerer knows the offerer by, and the other way round. */
  readonly ports: readonly [number, number];
  /** No packet gets through from now on. */
  cut(): void;
}

/** Opens a relay. */
export async function cuttableRelay(): Promise<PacketRelay> {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const host = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ??
    "127.0.0.1";
  const sockets = await Promise.all([bind(host), bind(host)]) as [Socket, Socket];
  const behind: ({ address: string; port: number } | null)[] = [null, null];
  let isCut = false;
  for (const [i, socket] of sockets.entries()) {
    socket.on("message", (packet, from) => {
      behind[i] = from;
      const to = behind[1 - i];
      if (!isCut && to != null) sockets[1 - i]!.send(packet, to.port, to.address);
    });
  }
  return {
    host,
    ports: [sockets[0].address().port, sockets[1].address().port],
    cut: () => isCut = true,
    async [Symbol.asyncDispose]() {
      await Promise.all(
        sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
      );
    },
  };
}

function bind(host: string): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => socket.bind(0, host, () => resolve(socket)));
}
