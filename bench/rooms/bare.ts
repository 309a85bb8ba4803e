/**
 * A relay that does the least: a room is a path, and what a client sends goes to the others as it came.
 * Nothing is parsed, checked, numbered, limited or confirmed. On `npm:ws` in Node and in Deno, and on
 * Deno's own server.
 *
 * @module
 */

import { type Buffer } from "node:buffer";
import { type Contender, type Protocol } from "./contender.ts";

const protocol: Protocol = {
  subprotocol: null,
  path: ({ room }) => `/${room}`,
  // The relay says so when a client is in.
  enter: () => ({ first: [], take: (text) => text === "in" }),
  messages: (_seat, payload) => [payload],
};

const includes = "rooms by path; nothing parsed";

/** The relays. */
export const bare: readonly Contender[] = [
  { name: "bare ws on Node", runtime: "node", includes, protocol },
  { name: "bare ws on Deno", runtime: "deno", includes, protocol },
  { name: "bare Deno.serve", runtime: "deno", includes, protocol },
];

/** Serves on `npm:ws`. */
export async function serveWs(port: number): Promise<void> {
  const { WebSocketServer } = await import(String("ws"));
  const rooms = roomsOf<WsSocket>();
  const server = new WebSocketServer({ port, host: "127.0.0.1", perMessageDeflate: false });
  server.on("connection", (socket: WsSocket, { url }: { url: string }) => {
    const room = rooms.enter(url, socket);
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      for (const other of room) if (other !== socket) other.send(text);
    });
    socket.on("close", () => rooms.leave(url, socket));
    socket.on("error", () => {});
    socket.send("in");
  });
}

interface WsSocket {
  on(event: string, act: (data: Buffer) => void): void;
  send(text: string): void;
}

/** Serves on Deno's own server. */
export function serveDeno(port: number): void {
  const rooms = roomsOf<WebSocket>();
  Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    const { pathname } = new URL(request.url);
    socket.onopen = () => {
      const room = rooms.enter(pathname, socket);
      socket.onmessage = ({ data }) => {
        for (const other of room) if (other !== socket) other.send(data);
      };
      socket.send("in");
    };
    socket.onclose = () => rooms.leave(pathname, socket);
    socket.onerror = () => {};
    return response;
  });
}

function roomsOf<T>() {
  const rooms = new Map<string, Set<T>>();
  return {
    enter(name: string, one: T): Set<T> {
      const room = rooms.get(name) ?? new Set();
      rooms.set(name, room.add(one));
      return room;
    },
    leave(name: string, one: T): void {
      const room = rooms.get(name);
      room?.delete(one);
      if (room?.size === 0) rooms.delete(name);
    },
  };
}
