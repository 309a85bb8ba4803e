/**
 * A whole call in a terminal, with the proof of each step: a service, two people, sealed signaling,
 * media with SFrame both ways, an attack that is refused, and a hangup.
 *
 *     deno task demo
 *
 * It opens ports on this machine only, keeps nothing, and exits with 1 where anything failed.
 *
 * @module
 */

import { type Call, Client, type IncomingCall, memoryStore } from "../client/mod.ts";
import { type End, lookAtOneFrame, openEnds, talk, tamper } from "./terminal/talk.ts";
import { after } from "./terminal/media.ts";
import { openScreen, type Screen, withCommas } from "./terminal/screen.ts";
import { startService } from "./terminal/service.ts";
import { type Exchange, type ShownProof, watchWire } from "./terminal/wire.ts";

const DEADLINE_MS = 25_000;

/** A person with a device. */
interface Person {
  readonly name: string;
  readonly client: Client;
}

interface World {
  readonly screen: Screen;
  /** The requests since it was asked last. */
  readonly exchanges: () => readonly Exchange[];
}

/** The whole story, in its order. */
async function demo(world: World, url: string): Promise<string> {
  const { screen } = world;
  const alice = await register(world, "alice", url);
  const bob = await register(world, "bob", url);
  await goOnline(world, alice, bob);
  await verify(world, alice, bob.name);
  const [ofAlice, ofBob] = openEnds();
  const calls = await connect(world, { alice, bob, ofAlice, ofBob });
  compareNumbers(screen, calls);
  const talked = await talk(screen, ofAlice, ofBob);
  await lookAtOneFrame(screen, ofAlice);
  await tamper(screen, ofAlice, ofBob);
  await hangUp(screen, calls);
  for (const { client } of [alice, bob]) client.close();
  return talked.join("; ");
}

async function register(world: World, name: string, url: string): Promise<Person> {
  const client = await world.screen.step(
    `${name} registers, and checks that the log has it`,
    () => registered(name, url),
  );
  const proven = showWire(world);
  const size = await client.headSize();
  world.screen.check(`the client now trusts this head, of size ${size}`, size === proven?.size);
  return { name, client };
}

async function registered(name: string, url: string): Promise<Client> {
  const client = await Client.open({ service: url, store: memoryStore() });
  await client.register(name, "terminal");
  return client;
}

async function goOnline(world: World, alice: Person, bob: Person): Promise<void> {
  await world.screen.step(
    "Both publish prekeys and go online",
    () => Promise.all([alice.client.goOnline(), bob.client.goOnline()]),
  );
  showWire(world);
  world.screen.check("both are reachable", alice.client.online && bob.client.online);
}

async function verify(world: World, who: Person, name: string): Promise<void> {
  const peer = await world.screen.step(
    `${who.name} looks ${name} up and verifies the answer`,
    () => who.client.lookup(name),
  );
  showWire(world);
  const text = "note, consistency, inclusion, VRF, commitment and record verify";
  world.screen.check(`${peer.label}: ${text}`, peer.label === name && peer.isNew);
}

/** The call as each side holds it. */
interface Calls {
  readonly caller: Call;
  readonly callee: Call;
}

async function connect(
  world: World,
  { alice, bob, ofAlice, ofBob }: {
    readonly alice: Person;
    readonly bob: Person;
    readonly ofAlice: End;
    readonly ofBob: End;
  },
): Promise<Calls> {
  const { screen } = world;
  const [caller, ring] = await screen.step(
    "alice calls bob, and it rings",
    () => Promise.all([alice.client.call("bob", ofAlice.adapter), nextRing(bob.client)]),
  );
  showWire(world);
  screen.check(`bob sees who calls, proven: ${ring.peer.label}`, ring.peer.label === "alice");
  const callee = await screen.step("bob answers; DTLS, certificates, then keys", async () => {
    const answered = await ring.answer(ofBob.adapter);
    await Promise.all([reached(caller, "connected"), reached(answered, "connected")]);
    return answered;
  });
  for (const { direction, kind, bytes } of caller.relayed) {
    const [from, to] = direction === "sent" ? ["alice", "bob"] : ["bob", "alice"];
    screen.fact("relayed", `${from} -> ${to}: ${withCommas(bytes)} sealed bytes (${kind})`);
  }
  // "connected" comes after the certificates were compared with those in the sealed messages.
  const isSecured = [caller, callee].every(({ state }) => state === "connected");
  screen.check("both saw the certificate that the other's sealed message names", isSecured);
  return { caller, callee };
}

async function nextRing(client: Client): Promise<IncomingCall> {
  for await (const ring of client.incoming()) return ring;
  throw new Error("Nobody called");
}

async function reached(call: Call, wanted: Call["state"]): Promise<void> {
  for await (const state of call.states()) if (state === wanted) return;
  throw (await call.ended).error ?? new Error("The call ended early");
}

function compareNumbers(screen: Screen, { caller, callee }: Calls): void {
  const [seen, told] = [caller.peer.safetyNumber(), callee.peer.safetyNumber()];
  screen.fact("number", seen.match(/.{5}/g)!.join(" "));
  screen.check("both screens show this safety number", seen.length === 60 && seen === told);
}

async function hangUp(screen: Screen, { caller, callee }: Calls): Promise<void> {
  const [here, there] = await screen.step("alice hangs up", async () => {
    await caller.hangUp();
    return await Promise.all([caller.ended, callee.ended]);
  });
  screen.check(`alice: by ${here.by}, ${here.reason}`, here.by === "self" && here.error === null);
  screen.check(`bob: by ${there.by}, ${there.reason}`, there.by === "peer" && there.error === null);
}

/** What the service saw since the step before, and what its log proved; gives the last proof. */
function showWire({ screen, exchanges }: World): ShownProof | null {
  let last: ShownProof | null = null;
  for (const { request, sentBytes, receivedBytes, proof } of exchanges()) {
    if (sentBytes === 0 && proof === null) continue;
    const [sent, received] = [sentBytes, receivedBytes].map(withCommas);
    screen.fact("wire", `${request}: ${sent} bytes out, ${received} in`);
    if (proof === null) continue;
    const { index, size, hashes, root } = proof;
    const path = `${hashes} inclusion ${hashes === 1 ? "hash" : "hashes"}`;
    screen.fact("proof", `entry ${index} of ${size}, ${path}, root ${root.slice(0, 16)}…`);
    last = proof;
  }
  return last;
}

async function main(): Promise<number> {
  const screen = openScreen();
  const begin = performance.now();
  screen.title("Countersign: a call that the service in the middle can neither read nor forge");
  const service = await screen.step("A service starts, in a process of its own", startService);
  screen.fact("listens", `${service.url}, with everything in memory`);
  const late = after(DEADLINE_MS).then(() => {
    throw new Error("it took too long");
  });
  try {
    const talked = await Promise.race([
      demo({ screen, exchanges: watchWire() }, service.url),
      late,
    ]);
    const count = `${screen.failures} ${screen.failures === 1 ? "failure" : "failures"}`;
    screen.summary(`${talked}; ${count}`);
    console.log(`${withCommas(performance.now() - begin)} ms in all`);
    return screen.failures === 0 ? 0 : 1;
  } catch (error) {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    await service.stop();
  }
}

if (import.meta.main) Deno.exit(await main());
