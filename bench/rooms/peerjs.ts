/**
 * The peer `peer`, the server of PeerJS: no rooms; a message is parsed, given its sender and sent to one.
 *
 * @module
 */

import { type Contender } from "./contender.ts";

/** The server, as its command starts it. */
export const peerjs: Contender = {
  name: "peer",
  runtime: "node",
  includes: "no rooms: one message for each receiver; no sign-in, no confirmation",
  protocol: {
    subprotocol: null,
    path: ({ index }) => `/peerjs?key=peerjs&id=${nameOf(index)}&token=t${index}&version=1.5.4`,
    enter: ({ index }) => {
      return {
        first: [],
        take: (text) => {
          const { type } = JSON.parse(text);
          if (type !== "OPEN") throw new Error(`peer ${index} was told ${text}`);
          return true;
        },
      };
    },
    messages: (seat, payload) =>
      seat.mates.filter((mate) => mate !== seat).map(({ index }) =>
        JSON.stringify({ type: "OFFER", payload, dst: nameOf(index) })
      ),
  },
};

/** Serves it. */
export async function servePeerjs(port: number): Promise<void> {
  const { PeerServer } = await import(String("peer"));
  PeerServer({ port, host: "127.0.0.1", path: "/" });
}

function nameOf(index: number): string {
  return `peer${index}`;
}
