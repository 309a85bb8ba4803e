/**
 * The peer `y-webrtc`'s signaling server: topics; a message is parsed, written anew for each receiver and
 * sent to all of the topic, its sender among them.
 *
 * @module
 */

import { type Contender } from "./contender.ts";

/** The server, as its command starts it. */
export const yWebrtc: Contender = {
  name: "y-webrtc",
  runtime: "node",
  includes: "topics, echo to the sender; no sign-in, no confirmation",
  protocol: {
    subprotocol: null,
    path: () => "/",
    enter: ({ room }) => ({
      // A subscription is not confirmed; frames are taken in order, so the pong confirms it.
      first: [JSON.stringify({ type: "subscribe", topics: [room] }), `{"type":"ping"}`],
      take: (text) => JSON.parse(text).type === "pong",
    }),
    messages: (
      { room },
      payload,
    ) => [JSON.stringify({ type: "publish", topic: room, data: payload })],
    echoes: true,
  },
};

/** Serves it. */
export async function serveYWebrtc(port: number): Promise<void> {
  const { env } = (globalThis as unknown as { process: { env: Record<string, string> } }).process;
  env.PORT = String(port);
  await import(String("./node_modules/y-webrtc/bin/server.js"));
}
