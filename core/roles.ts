/**
 * What each role may do in a room. A role belongs to an identity, not to a socket or to who came first.
 *
 * @module
 */

import { type Role } from "../wire/frames.ts";

/** One thing that a role may allow. */
export type Permission = "signal" | "broadcast" | "invite" | "admit" | "kick" | "lock" | "end";

const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  host: ["signal", "broadcast", "invite", "admit", "kick", "lock", "end"],
  cohost: ["signal", "broadcast", "invite", "admit", "kick", "lock"],
  member: ["signal", "broadcast"],
  // Has to be able to answer an offer, and writes to nobody else.
  listener: ["signal"],
  knocker: [],
};

/** From the one who may do least. */
const RANK: readonly Role[] = ["knocker", "listener", "member", "cohost", "host"];

/** Whether a role allows something. */
export function may(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission);
}

/** Whether somebody may act on somebody else: nobody acts on a host but a host, or on an equal. */
export function mayActOn(actor: Role, target: Role): boolean {
  return actor === "host" || RANK.indexOf(actor) > RANK.indexOf(target);
}

/** Whether somebody may give a role: a host any, and everybody else one below their own. */
export function mayGive(actor: Role, role: Role): boolean {
  return actor === "host" || RANK.indexOf(actor) > RANK.indexOf(role);
}
