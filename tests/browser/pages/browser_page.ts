/**
 * The page of the browser adapter's contract: Bob has a connection to Alice and one to Carol, and one
 * worker for both, as everybody in a group call has.
 *
 * @module
 */

import { browserMedia } from "../../../client/adapters/browser.ts";
import { sumOfStats } from "../../../client/adapters/media_stats.ts";
import { type CallKeys } from "../../../crypto/schedule.ts";
import { connect, type Party, party } from "./party.ts";
import { INDEX, liar, pageStage, type StageConnections, type StagePeople } from "./stage.ts";

const connections: StageConnections = { sending: [], receiving: [] };

async function set(): Promise<StagePeople> {
  const shared = browserMedia(liar);
  const [alice, carol] = [await party(), await party()];
  // Bob alone receives: what the others' relays did would be counted with his.
  const mute = { audio: false, video: false, shared };
  const [toAlice, toCarol] = [await party(mute), await party(mute)];
  for (const [from, to] of [[alice, toAlice], [carol, toCarol]] as const) {
    await connect(from, to);
    await Promise.all([from.adapter.connected(), to.adapter.connected()]);
    connections.sending.push(from.connection);
    connections.receiving.push(to.connection);
    for (const { adapter } of [from, to]) {
      adapter.onFailure = (failure) => reportError(new Error(failure));
    }
  }
  return {
    alice: towardsBob(alice),
    carol: towardsBob(carol),
    bob: {
      async start(keys) {
        const [ofAlice, ofCarol] = viewsOf(keys);
        await toAlice.adapter.start(ofAlice, INDEX["alice"]!);
        await toCarol.adapter.start(ofCarol, INDEX["carol"]!);
      },
      async stats() {
        return sumOfStats(await toAlice.adapter.stats(), await toCarol.adapter.stats());
      },
      close() {
        for (const { adapter } of [toAlice, toCarol]) adapter.close();
        shared.close();
      },
    },
  };
}

function towardsBob({ adapter }: Party): StagePeople["alice"] {
  return {
    start: (keys) => adapter.start(keys, INDEX["bob"]!),
    stats: () => adapter.stats(),
    close: () => adapter.close(),
  };
}

/** The same keys for two connections, each of which follows their changes. */
function viewsOf(keys: CallKeys): readonly [CallKeys, CallKeys] {
  const view = (): CallKeys => Object.create(keys, { onChange: { value: null, writable: true } });
  const views = [view(), view()] as const;
  keys.onChange = async (change) => {
    await Promise.all(views.map((each) => each.onChange?.(change)));
  };
  return views;
}

(globalThis as unknown as { stage: unknown }).stage = pageStage(set, connections);
