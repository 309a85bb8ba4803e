/**
 * A cryptor as whoever follows the keys of a call sees it, in a worker or beside a stack of packets.
 *
 * @module
 */

import { type FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { type Ctx, ctxOfKid, indexOfKid } from "../../crypto/schedule.ts";
import { type KeyHolder } from "./key_following.ts";

/** The keys of a cryptor. @param requestKeyFrames asks the peers for key frames of video */
export function cryptorKeys(cryptor: FrameCryptor, requestKeyFrames: () => void): KeyHolder {
  return {
    counter: cryptor,
    add(keys) {
      for (const key of keys) cryptor.addRecvKey(key);
    },
    use(keys) {
      for (const key of keys) cryptor.setSendKey(ctxOfKid(key.kid) as Ctx, key);
      cryptor.dropSendKeys();
    },
    retire({ generation, index }) {
      cryptor.dropRecvKeys((kid) =>
        (kid & 0xff) === generation && (index === null || indexOfKid(kid) === index)
      );
    },
    hold: () => cryptor.hold(),
    requestKeyFrames,
  };
}
