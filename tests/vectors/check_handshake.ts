/**
 * Calls of `handshake.json`, in both roles and both directions: what we send with the vector's
 * randomness is its bytes, and what it sends is opened and gives its secrets.
 *
 * Who receives is built from the vector's keys and secrets, so no receiver depends on what our
 * senders made.
 *
 * @module
 */

import { accept, type AcceptedOffer, initiate, type PendingOffer } from "../../crypto/x3dh.ts";
import { answer, complete, confirm, finish, type Unconfirmed } from "../../crypto/answer.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { parseEncapsulationKey } from "../../crypto/keys.ts";
import { openRefusal, openWithdrawal, refuse, withdraw } from "../../crypto/offer_end.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { SendChain } from "../../crypto/ratchet.ts";
import { Secret } from "../../crypto/secret.ts";
import { fromHex } from "../support/hex.ts";
import { partsOf } from "./call_parts.ts";
import { type CallVector, type CallVectors, ct1Of, ct2Of, ekOf, epoch0Of } from "./call_vector.ts";
import { deviceOf, type People } from "./check_devices.ts";
import { bundleOf, type PrekeyVectors, usedPrekeys } from "./check_prekeys.ts";
import { checkExports, checkSecrets, type Scene } from "./check_secrets.ts";
import { withFixed } from "./fixed_randomness.ts";
import { agreementKeyPair, kemKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** Checks handshakes. */
export async function checkHandshakes(
  people: People,
  prekeys: PrekeyVectors,
  vectors: CallVectors,
  tally: Tally,
): Promise<void> {
  for (const call of vectors.calls) {
    const used = prekeys.prekeys.find(({ device }) => device === call.callee)!;
    const scene: Scene = { call, people, prekeys: used, tally };
    await tally.check(`${call.name}: secrets`, () => checkSecrets(scene));
    await tally.check(`${call.name}: offer`, () => checkOffer(scene));
    await tally.check(`${call.name}: ends`, () => checkEnds(scene));
    await tally.check(`${call.name}: answer`, () => checkAnswer(scene));
    await tally.check(`${call.name}: confirm`, () => checkConfirm(scene));
  }
}

// --- who waits for a message ---------------------------------------------------------------------

/** The caller after the offer, built from the vector alone. */
async function pendingOf(scene: Scene): Promise<PendingOffer> {
  const { call, people, prekeys } = scene;
  const epoch0 = epoch0Of(call);
  const withdrawal = new SendChain(0, epoch0.th, epoch0.ckA);
  await withdrawal.seal(fromHex(call.offer_payload));
  return {
    callId: fromHex(call.call_id),
    common: fromHex(call.common_hash),
    peer: await bundleOf(people, prekeys, call.opk),
    self: deviceOf(people, call.caller),
    epoch0,
    ephemeral: await agreementKeyPair(call.EA_private),
    kem: await kemKeyPair(call.KA_seed, parseEncapsulationKey(ekOf(call))),
    withdrawal,
  };
}

/** Either side after the answer, built from the vector alone. @param side 0 for the caller */
async function unconfirmedOf(scene: Scene, side: 0 | 1): Promise<Unconfirmed> {
  const { call, people } = scene;
  const parts = partsOf(people, call, side);
  if (side === 1) await parts.epoch.seal(fromHex(call.answer_payload));
  return { ...parts, withdrawal: null };
}

/** The invite's secret of a call, or null. */
function pskOf({ psk }: CallVector): Secret | null {
  return psk === null ? null : new Secret(fromHex(psk));
}

// --- the messages -------------------------------------------------------------------------------

/** Opens the vector's offer on its callee's device. */
async function acceptedOf(
  { call, people, prekeys }: Scene,
  psk: Secret | null = pskOf(call),
): Promise<{ payload: Bytes; accepted: AcceptedOffer }> {
  const { callee, caller, common, offer, sent_ms } = call;
  const message = { common: fromHex(common), offer: fromHex(offer), nowMs: sent_ms, psk };
  const used = await usedPrekeys(prekeys, call.opk);
  return await accept(deviceOf(people, callee), used, deviceOf(people, caller), message);
}

async function checkOffer(scene: Scene): Promise<void> {
  const { call, people, prekeys, tally } = scene;
  const peer = await bundleOf(people, prekeys, call.opk);
  const input = {
    room: sha256(fromHex(call.room_id)),
    nowMs: call.sent_ms,
    ttlS: call.ttl_s,
    payload: fromHex(call.offer_payload),
    psk: pskOf(call),
  };
  const draws = {
    bytes: [call.call_id],
    x25519: [call.EA_private],
    kem: [{ seed: call.KA_seed, ek: ekOf(call) }],
    encapsulations: [{ m: call.m1, ct: ct1Of(call), seed: prekeys.kpk_seed }],
  };
  const { common, offers: [sealed] } = await withFixed(
    draws,
    () => initiate(deviceOf(people, call.caller), [peer], input),
  );
  const { offer, pending } = sealed!;
  tally.same(`${call.name}: CallCommon`, common, call.common);
  tally.same(`${call.name}: its hash`, pending.common, call.common_hash);
  tally.same(`${call.name}: th0`, pending.epoch0.th, call.th0);
  tally.same(`${call.name}: Offer`, offer, call.offer);
  const { payload, accepted } = await acceptedOf(scene);
  tally.same(`${call.name}: offer opens`, payload, call.offer_payload);
  tally.same(`${call.name}: th0 of the callee`, accepted.epoch0.th, call.th0);
  tally.same(`${call.name}: root of the callee`, accepted.epoch0.root.expose(), call.epoch_0.root);
  const other = call.psk === null ? new Secret(new Uint8Array(32)) : null;
  await tally.refuses(
    `${call.name}: with another psk`,
    "bad_handshake",
    () => acceptedOf(scene, other),
  );
}

async function checkEnds(scene: Scene): Promise<void> {
  const { call, tally } = scene;
  const [no, gone] = [fromHex(call.refusal_payload), fromHex(call.withdrawal_payload)];
  tally.same(
    `${call.name}: Withdrawal`,
    await withdraw(await pendingOf(scene), gone),
    call.withdrawal,
  );
  const refusal = fromHex(call.refusal);
  const opened = await openRefusal(await pendingOf(scene), refusal);
  tally.same(`${call.name}: refusal opens`, opened, call.refusal_payload);
  const { accepted } = await acceptedOf(scene);
  tally.same(`${call.name}: Refusal`, await refuse(accepted, no), call.refusal);
  const { accepted: again } = await acceptedOf(scene);
  const withdrawn = await openWithdrawal(again, fromHex(call.withdrawal));
  tally.same(`${call.name}: withdrawal opens`, withdrawn, call.withdrawal_payload);
}

async function checkAnswer(scene: Scene): Promise<void> {
  const { call, tally } = scene;
  const { accepted } = await acceptedOf(scene);
  const draws = {
    x25519: [call.EB_private],
    encapsulations: [{ m: call.m2, ct: ct2Of(call), seed: call.KA_seed }],
  };
  const ours = await withFixed(draws, () => answer(accepted, fromHex(call.answer_payload)));
  tally.same(`${call.name}: Answer`, ours.answer, call.answer);
  tally.same(`${call.name}: th1 of the callee`, ours.unconfirmed.epoch.secrets.th, call.th1);
  const late = await openWithdrawal(ours.unconfirmed, fromHex(call.withdrawal));
  tally.same(`${call.name}: late withdrawal opens`, late, call.withdrawal_payload);
  const { payload, unconfirmed } = await finish(await pendingOf(scene), fromHex(call.answer));
  tally.same(`${call.name}: answer opens`, payload, call.answer_payload);
  tally.same(`${call.name}: th1 of the caller`, unconfirmed.epoch.secrets.th, call.th1);
  const { root, kc, exp } = unconfirmed.epoch.secrets;
  tally.same(`${call.name}: root of the caller`, root.expose(), call.epoch_1.root);
  tally.same(`${call.name}: kc of the caller`, kc.expose(), call.epoch_1.kc);
  tally.same(`${call.name}: exp of the caller`, exp.expose(), call.epoch_1.exp);
}

async function checkConfirm(scene: Scene): Promise<void> {
  const { call, tally } = scene;
  const sent = fromHex(call.confirm_payload);
  const caller = await confirm(await unconfirmedOf(scene, 0), sent);
  tally.same(`${call.name}: Confirm`, caller.confirm, call.confirm);
  checkExports(tally, `${call.name}: caller`, caller.session.keys.exporter, call.exports);
  const message = fromHex(call.confirm);
  const callee = await complete(await unconfirmedOf(scene, 1), message);
  tally.same(`${call.name}: confirm opens`, callee.payload, call.confirm_payload);
  checkExports(tally, `${call.name}: callee`, callee.session.keys.exporter, call.exports);
  tally.same(`${call.name}: call id`, callee.session.callId, call.call_id);
}
