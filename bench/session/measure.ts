/**
 * The part of the benchmark that runs in the runtime under test, bundled: Countersign and its peers in turn.
 *
 *     measure.js fast|portable [rounds]
 *
 * `portable` takes the runtime's own synchronous functions away first, as in a browser.
 *
 * @module
 */

import { libsignal } from "./libsignal.ts";
import { libsignalTypescript } from "./libsignal_typescript.ts";
import { mls } from "./mls.ts";
import { makePair, messages, offers, rekeys, SETUP_PAYLOAD, setups } from "./ours.ts";
import { type Contender, inTurn, type Timed } from "../shared/rounds.ts";

const MESSAGE_BYTES = [100, 1_000, 10_000];

const { process } = globalThis as unknown as {
  process: { argv: string[]; version: string; getBuiltinModule?: unknown };
};
const [build = "fast", rounds = "30"] = process.argv.slice(2);
// The peers load first: what they take of the runtime they keep.
const peers = [
  await libsignal(SETUP_PAYLOAD),
  await libsignalTypescript(SETUP_PAYLOAD),
  await mls(SETUP_PAYLOAD),
].filter((peer) => peer !== null);
if (build === "portable") delete process.getBuiltinModule;

const pair = await makePair();
await row("offer + accept", [offers(pair), ...peers.map((peer) => peer.offers)]);
await row("full setup", [setups(pair), ...peers.map((peer) => peer.setups)]);
await row("rekey of both sides", [rekeys(pair), ...peers.map((peer) => peer.rekeys)]);
for (const bytes of MESSAGE_BYTES) {
  await row(`message of ${bytes} B`, [
    messages(pair, bytes),
    ...peers.map((peer) => peer.messages(bytes)),
  ]);
}

async function row(name: string, contenders: readonly Contender[]): Promise<void> {
  const [ours, ...theirs] = await inTurn(contenders, Number(rounds));
  say(`${name}: ${line(ours!)}`);
  for (const peer of theirs) {
    const ratio = (ours!.medianMs / peer.medianMs).toFixed(2);
    const processor = ours!.processorMs === null || peer.processorMs === null
      ? ""
      : ` (${(ours!.processorMs / peer.processorMs).toFixed(2)} in processor time)`;
    say(`  ${ratio} times${processor} ${line(peer)}`);
  }
}

function line({ who, medianMs, includes }: Timed): string {
  return `${who} ${medianMs.toFixed(3)} ms: ${includes}`;
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
