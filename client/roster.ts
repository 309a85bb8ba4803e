/**
 * Who is in a room, as the service told it last: each change once and in order, and what happened unheard
 * from the difference between both views.
 *
 * @module
 */

import {
  type Member,
  type PresenceEvent,
  type PresenceFrame,
  type RoomView,
} from "../wire/frames.ts";

/** How long others have to come back to a service that forgot everybody, in milliseconds. */
const RETURN_MS = 5_000;

/** About a member, or the lock by one, or by nobody known; `before` is what the member was, or null. */
export interface MemberChange {
  readonly event: PresenceEvent;
  /** The room's own number of it, or null where it was told in another way. */
  readonly order: number | null;
  readonly member: Member | null;
  readonly before: Member | null;
}

/** Oneself in a room. */
export interface Self {
  readonly mid: string;
  readonly role: Member["role"];
  /** Whether nobody else gets in. */
  readonly locked: boolean;
  /** What the room shows, sealed, or null. */
  readonly meta: string | null;
}

/** What a roster was before it was another one. */
export interface FormerRoster {
  readonly members: ReadonlyMap<string, Member>;
  readonly self: Self | null;
}

interface Awaited {
  readonly member: Member;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The members of one room, and oneself. */
export class Roster {
  readonly #tell: (change: MemberChange) => void;
  /** Members who were there before the service forgot everybody, until they are missed. */
  readonly #awaited = new Map<string, Awaited>();
  #members = new Map<string, Member>();
  #self: Self | null = null;
  #rseq = 0;

  /** Nobody is there. */
  constructor(tell: (change: MemberChange) => void) {
    this.#tell = tell;
  }

  /** Oneself, or null at the door. */
  get self(): Self | null {
    return this.#self;
  }

  /** The others. */
  members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** A member, or null where nobody of that id is here. */
  member(mid: string): Member | null {
    return this.#members.get(mid) ?? null;
  }

  /** Takes the room as it is now, and answers what it was. */
  adopt({ mid, role, locked, meta, members, rseq }: RoomView): FormerRoster {
    const before = { members: this.#members, self: this.#self };
    this.#members = new Map(members.map((member) => [member.mid, member]));
    this.#self = { mid, role, locked, meta };
    this.#rseq = rseq;
    return before;
  }

  /**
   * Tells what is different.
   *
   * @param isForgotten whether the service knew nobody any more: the others are on their way back as well
   */
  compare(before: FormerRoster, isForgotten: boolean): void {
    for (const [old, member] of before.members) {
      if (this.#members.has(old)) continue;
      if (isForgotten) this.#await(member);
      else this.#tell({ event: "leave", order: null, member, before: member });
    }
    for (const member of this.members()) {
      const was = before.members.get(member.mid) ?? null;
      if (was === null) this.#arrived(member, null);
      else this.#changed(was, member);
    }
    const locked = this.#self?.locked ?? false;
    if (locked !== (before.self?.locked ?? locked)) {
      this.#tell({ event: locked ? "lock" : "unlock", order: null, member: null, before: null });
    }
  }

  /** Takes a change in; false where the one before it did not come. */
  hear({ event, member, rseq: order }: PresenceFrame): boolean {
    if (order <= this.#rseq) return true;
    if (order > this.#rseq + 1) return false;
    this.#rseq = order;
    const before = this.member(member.mid);
    if (event === "lock" || event === "unlock") {
      if (this.#self !== null) this.#self = { ...this.#self, locked: event === "lock" };
      this.#tell({ event, order, member, before });
    } else if (member.mid === this.#self?.mid) {
      this.#self = { ...this.#self, role: member.role };
      this.#tell({ event, order, member, before: null });
    } else if (event === "leave") {
      this.#members.delete(member.mid);
      if (before !== null) this.#tell({ event, order, member, before });
    } else {
      this.#members.set(member.mid, member);
      if (before === null) this.#arrived(member, order);
      else this.#tell({ event, order, member, before });
    }
    return true;
  }

  /** One is at the door again, and nobody there. */
  leaveSelf(): void {
    this.#self = null;
  }

  /** Nobody is awaited any more. */
  end(): void {
    for (const { timer } of this.#awaited.values()) clearTimeout(timer);
    this.#awaited.clear();
  }

  #arrived(member: Member, order: number | null): void {
    this.#tell({ event: "join", order, member, before: null });
    // Who was awaited and came back under another id has left the old place.
    for (const [mid, awaited] of [...this.#awaited]) {
      if (nameOf(awaited.member) === nameOf(member)) this.#miss(mid);
    }
  }

  #await(member: Member): void {
    const timer = setTimeout(() => this.#miss(member.mid), RETURN_MS);
    this.#awaited.set(member.mid, { member, timer });
  }

  #miss(mid: string): void {
    const { member, timer } = this.#awaited.get(mid)!;
    clearTimeout(timer);
    this.#awaited.delete(mid);
    this.#tell({ event: "leave", order: null, member, before: member });
  }

  #changed(before: Member, member: Member): void {
    if (before.away !== member.away) {
      this.#tell({ event: member.away ? "away" : "back", order: null, member, before });
    }
    if (before.role !== member.role) this.#tell({ event: "role", order: null, member, before });
    if (before.meta !== member.meta) this.#tell({ event: "meta", order: null, member, before });
  }
}

/** One text for whoever a member is, which outlives the member's place. */
export function nameOf(
  { account, device, guest }: Pick<Member, "account" | "device" | "guest">,
): string {
  return guest ?? `${account}/${device}`;
}
