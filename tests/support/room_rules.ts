/**
 * Managed rooms in memory, for tests of what happens in them.
 *
 * @module
 */

import { ServiceError } from "../../core/error.ts";
import { type Identity } from "../../core/identity.ts";
import { type RoomChange, type RoomRules, type RoomState } from "../../core/room_rules.ts";
import { type Role } from "../../wire/frames.ts";
import { managedRoomId } from "../../wire/room_id.ts";

/** Rules that a test can look into. */
export interface TestRules extends RoomRules {
  /** Makes a room, with what each person is in it. */
  make(people: Readonly<Record<Identity, Role>>): string;
  /** Changes a room as over REST. */
  changeOutside(room: string, change: RoomChange): void;
  /** A room as it is kept. */
  row(room: string): TestRow;
  /** Waits in every `enter`, after it was decided. */
  entering: Promise<void> | null;
}

/** One room. */
export interface TestRow {
  state: RoomState;
  readonly people: Map<Identity, Role>;
  readonly banned: Set<Identity>;
}

/** No rooms. A token is the role that it gives, and the epoch that it is of: `member 1`. */
export function testRules(): TestRules {
  const rows = new Map<string, TestRow>();

  function found(room: string): TestRow {
    const row = rows.get(room);
    if (row === undefined) throw new ServiceError("room_not_found", "There is no such room");
    return row;
  }

  function apply(room: string, change: RoomChange): RoomState {
    const row = found(room);
    const { state } = row;
    if (state.hasEnded) throw new ServiceError("room_ended", "This room was ended");
    const raised = { ...state, epoch: state.epoch + 1 };
    switch (change.kind) {
      case "admit":
      case "role":
        row.people.set(change.who, change.role);
        break;
      case "remove":
        row.people.delete(change.who);
        if (change.isBan) row.banned.add(change.who);
        row.state = raised;
        break;
      case "lock":
        row.state = { ...raised, isLocked: change.isLocked };
        break;
      case "end":
        row.state = { ...raised, hasEnded: true };
    }
    return row.state;
  }

  const rules: TestRules = {
    entering: null,
    onChange: null,
    make(people) {
      const room = managedRoomId();
      const state = { room, epoch: 1, isLocked: false, hasEnded: false, meta: "cm9vbQ" };
      rows.set(room, { state, people: new Map(Object.entries(people)), banned: new Set() });
      return room;
    },
    row: found,
    async enter(room, { identity }, token) {
      const { state, people, banned } = found(room);
      const known = people.get(identity);
      const [role, epoch] = (token ?? "").split(" ");
      const isGood = Number(epoch) === state.epoch && !banned.has(identity);
      if (known === undefined && !isGood) {
        const code = token === null ? "room_not_found" : "invalid_room_token";
        throw new ServiceError(code, "There is no such room");
      }
      if (known === undefined && state.isLocked) throw new ServiceError("room_locked", "Locked");
      const given = known ?? role as Role;
      if (given !== "knocker") people.set(identity, given);
      await rules.entering;
      return { role: given, state };
    },
    change: (room, _by, change) => Promise.resolve().then(() => apply(room, change)),
    changeOutside(room, change) {
      rules.onChange?.(apply(room, change));
    },
  };
  return rules;
}
