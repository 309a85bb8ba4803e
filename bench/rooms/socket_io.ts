/**
 * The peer `socket.io`: rooms and events, written once for all receivers; with connection state recovery
 * it keeps the messages of the last two minutes and numbers them.
 *
 * @module
 */

import { type Contender, type Protocol } from "./contender.ts";

const protocol: Protocol = {
  subprotocol: null,
  path: () => "/socket.io/?EIO=4&transport=websocket",
  enter: ({ room }) => ({
    first: [],
    take(text, say) {
      // Engine.IO's packet `open`, Socket.IO's `connect`, and the acknowledgment of event 0.
      if (text.startsWith("0{")) say("40");
      else if (text.startsWith("40")) say(`420${JSON.stringify(["join", room])}`);
      return text.startsWith("430");
    },
  }),
  messages: ({ room }, payload) => [`42${JSON.stringify(["signal", room, payload])}`],
};

/** The server with and without recovery. */
export const socketIo: readonly Contender[] = [
  {
    name: "socket.io",
    runtime: "node",
    includes: "rooms; no sign-in, no confirmation",
    protocol,
  },
  {
    name: "socket.io, recovery",
    runtime: "node",
    includes: "rooms, numbers, messages of 2 minutes kept; no sign-in, no confirmation",
    protocol,
  },
];

/** Serves it. */
export async function serveSocketIo(port: number, isRecovering: boolean): Promise<void> {
  const { Server } = await import(String("socket.io"));
  const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } };
  const server = new Server(port, {
    transports: ["websocket"],
    serveClient: false,
    ...isRecovering ? recovery : {},
  });
  server.on("connection", (socket: IoSocket) => {
    socket.on("join", (room, done) => {
      socket.join(room as string);
      (done as () => void)();
    });
    socket.on("signal", (room, payload) => void socket.to(room as string).emit("signal", payload));
  });
}

interface IoSocket {
  on(event: string, act: (first: unknown, second: unknown) => void): void;
  join(room: string): void;
  to(room: string): { emit(event: string, payload: unknown): void };
}
