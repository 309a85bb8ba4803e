/**
 * A call between two programs on node-datachannel (libdatachannel), with a service of its own:
 *
 *     deno run -A examples/stacks/node_datachannel.ts
 *
 * @module
 */

import nodeDataChannel from "node-datachannel";
import { nodeDataChannelAdapter } from "../../client/adapters/node_datachannel.ts";
import { type Call, Client, CTX, memoryStore } from "../../client/mod.ts";
import { startService } from "../terminal/service.ts";

const FRAMES = 50;

const service = await startService();
try {
  const [alice, bob] = [await open("alice"), await open("bob")];
  let heard = 0;
  const [ofAlice, ofBob] = [adapter(() => {}), adapter(() => heard++)];
  const answering = answer(bob, ofBob);
  const call = await alice.call("bob", ofAlice);
  await connected(call, await answering);
  console.log("connected, safety number", call.peer.safetyNumber());

  for (let i = 0; i < FRAMES; i++) {
    // An encoder's frames stand here: Opus on the microphone, VP8 on the camera.
    await ofAlice.send(CTX.mic, crypto.getRandomValues(new Uint8Array(100)));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log(`bob heard ${heard} of ${FRAMES} frames`, await ofBob.stats());
  await call.hangUp();
  for (const client of [alice, bob]) client.close();
  if (heard < FRAMES / 2) Deno.exitCode = 1;
} finally {
  await service.stop();
}
// libdatachannel has threads that outlive their connections.
Deno.exit();

async function open(name: string): Promise<Client> {
  const client = await Client.open({ service: service.url, store: memoryStore() });
  await client.register(name);
  await client.goOnline();
  return client;
}

function adapter(onFrame: () => void) {
  return nodeDataChannelAdapter({ nodeDataChannel, onFrame, bindAddress: "127.0.0.1" });
}

async function answer(client: Client, adapter: ReturnType<typeof nodeDataChannelAdapter>) {
  for await (const ring of client.incoming()) return await ring.answer(adapter);
  throw new Error("Nobody called");
}

async function connected(...calls: readonly Call[]): Promise<void> {
  await Promise.all(calls.map(async (call) => {
    for await (const state of call.states()) if (state === "connected") return;
    throw new Error(`The call ended: ${JSON.stringify(await call.ended)}`);
  }));
}
