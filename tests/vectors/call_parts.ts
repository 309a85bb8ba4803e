/**
 * What a side of a call of `handshake.json` goes on with after the answer, built from the vector alone.
 *
 * @module
 */

import { type SessionParts } from "../../crypto/session.ts";
import { SessionEpoch } from "../../crypto/session_epoch.ts";
import { fromHex } from "../support/hex.ts";
import { type CallVector, epoch1Of } from "./call_vector.ts";
import { deviceOf, type People } from "./check_devices.ts";

/** The parts of a side's session, which has sealed nothing yet. @param side 0 for the caller */
export function partsOf(people: People, call: CallVector, side: 0 | 1): SessionParts {
  const [caller, callee] = [deviceOf(people, call.caller), deviceOf(people, call.callee)];
  const [own, other] = side === 0 ? [caller, callee] : [callee, caller];
  return {
    callId: fromHex(call.call_id),
    epoch: new SessionEpoch(1, epoch1Of(call), side),
    identities: { self: own.keys.identity.privateKey, peer: other.entry.identity },
  };
}
