/**
 * The compatible mode of LiveKit: the keys of a call for LiveKit's own frame encryption, for rooms in
 * which not everybody has ours.
 *
 *     key = MediaExport("livekit", "", 32)
 *
 * It is weaker than the adapter, by what LiveKit's encryption is:
 *
 * - the server can send a frame again, and it is shown again;
 * - one key serves all: the server can show one member's frames as another's;
 * - the first byte of each audio frame, and up to ten of each video frame, are in the clear;
 * - the server may put in frames of its own that are shown without a key;
 * - while keys change, frames of whoever is earlier or later are lost.
 *
 * @module
 */

import { type CallKeys } from "../../crypto/schedule.ts";

/** LiveKit's `ExternalE2EEKeyProvider`, as far as it is used. */
export interface LivekitKeyProvider {
  /** Takes the key of the room from now on. */
  setKey(key: ArrayBuffer): Promise<void>;
}

const KEY_BYTES = 32;

/**
 * Gives a provider the key of a call, and each one that follows. While keys are held, it has one that
 * nobody else has.
 *
 *     const provider = new ExternalE2EEKeyProvider();
 *     const room = new Room({ encryption: { keyProvider: provider, worker } });
 *     await feedLivekit(keys, provider);
 *     await room.setE2EEEnabled(true);
 *
 * @throws CryptoError `spent` once the call is over
 */
export async function feedLivekit(keys: CallKeys, provider: LivekitKeyProvider): Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  const give = async () => await provider.setKey(keyOf(keys));
  const hold = () => provider.setKey(crypto.getRandomValues(new Uint8Array(KEY_BYTES)).buffer);
  keys.onChange = ({ kind }) => {
    if (kind === "use") turn = turn.then(give).catch(hold);
    if (kind === "hold") turn = turn.then(hold);
    return turn;
  };
  const first = give();
  turn = first.catch(() => {});
  await first;
}

function keyOf(keys: CallKeys): ArrayBuffer {
  return keys.mediaExporter("livekit", new Uint8Array(0), KEY_BYTES).slice().buffer;
}
