/**
 * All vectors against our sources, in any runtime: JSON in, counts out.
 *
 * It needs WebCrypto and nothing else. While a sender runs the platform's randomness is the vector's
 * (`fixed_randomness.ts`), so nothing else may run in the same realm meanwhile.
 *
 * @module
 */

import { loadNative, portably, withoutNativeKem } from "../support/portable.ts";
import { type CallVectors } from "./call_vector.ts";
import { checkDevices, type DeviceVectors, makePeople } from "./check_devices.ts";
import { checkGroup, type GroupVectors } from "./check_group.ts";
import { checkHandshakes } from "./check_handshake.ts";
import { checkInvites, type InviteVectors } from "./check_invites.ts";
import { checkMedia, type MediaVectors } from "./check_media.ts";
import {
  checkComparisons,
  checkLinks,
  checkSafetyNumbers,
  type LinkVectors,
  type SafetyNumberVectors,
  type SasVectors,
} from "./check_meeting.ts";
import { checkPrekeys, type PrekeyVectors } from "./check_prekeys.ts";
import { checkRekeys, type RekeyVectors } from "./check_rekey.ts";
import { checkRekeySessions } from "./check_rekey_session.ts";
import { checkSealed, type SealedVectors } from "./check_sealed.ts";
import { type Found, Tally } from "./tally.ts";

/** The files of this folder, by their names without `.json`. */
export interface VectorFiles {
  readonly devices: DeviceVectors;
  readonly prekeys: PrekeyVectors;
  readonly handshake: CallVectors;
  readonly sealed: SealedVectors;
  readonly rekey: RekeyVectors;
  readonly media: MediaVectors;
  readonly group: GroupVectors;
  readonly safety_number: SafetyNumberVectors;
  readonly sas: SasVectors;
  readonly link: LinkVectors;
  readonly invite: InviteVectors;
}

/** The names of the files. */
export const FILES = [
  "devices",
  "prekeys",
  "handshake",
  "sealed",
  "rekey",
  "media",
  "group",
  "safety_number",
  "sas",
  "link",
  "invite",
] as const satisfies readonly (keyof VectorFiles)[];

/** What was found, by file. */
export type FoundByFile = { readonly [File in keyof VectorFiles]: Found };

/** Which primitives: the runtime's best, or those that need nothing but an old WebCrypto. */
export type Way = "own" | "portable";

/** Checks every vector of every file, both ways. */
export async function run(files: VectorFiles): Promise<Readonly<Record<Way, FoundByFile>>> {
  await loadNative();
  return {
    own: await checkAll(files),
    portable: await portably(() => withoutNativeKem(() => checkAll(files))),
  };
}

async function checkAll(files: VectorFiles): Promise<FoundByFile> {
  const people = await makePeople(files.devices);
  const checks: { readonly [File in keyof VectorFiles]: (tally: Tally) => Promise<void> } = {
    devices: (tally) => checkDevices(files.devices, tally),
    prekeys: (tally) => checkPrekeys(people, files.prekeys, tally),
    handshake: (tally) => checkHandshakes(people, files.prekeys, files.handshake, tally),
    sealed: (tally) => checkSealed(files.sealed, tally),
    rekey: async (tally) => {
      await checkRekeys(people, files.handshake, files.rekey, tally);
      await checkRekeySessions(people, files.handshake, files.rekey, tally);
    },
    media: (tally) => checkMedia(files.media, tally),
    group: (tally) => checkGroup(files.group, tally),
    safety_number: (tally) => checkSafetyNumbers(people, files.safety_number, tally),
    sas: (tally) => checkComparisons(files.sas, tally),
    link: (tally) => checkLinks(files.link, tally),
    invite: (tally) => checkInvites(files.invite, tally),
  };
  const found: [string, Found][] = [];
  // One after the other: two senders would draw from each other's randomness.
  for (const file of FILES) {
    const tally = new Tally();
    await checks[file](tally);
    found.push([file, tally.found()]);
  }
  return Object.fromEntries(found) as FoundByFile;
}
