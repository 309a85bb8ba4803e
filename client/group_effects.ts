/**
 * What a group call's member has to do, done: signed, sealed, said, and handed to the media.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type Generation } from "../crypto/generation.ts";
import { type GroupEffect } from "../crypto/group_effect.ts";
import { type GroupMember } from "../crypto/group_member.ts";
import { toClientError } from "./error.ts";
import { type GroupEvent } from "./group_call.ts";
import { type GroupKeys } from "./group_keys.ts";
import { type GroupPeer, type GroupPeers } from "./group_peers.ts";
import { type GroupSpeech } from "./group_speech.ts";
import { GroupUses } from "./group_uses.ts";
import { SAID } from "./group_wire.ts";
import { type World } from "./world.ts";

/** When everybody sends with the keys that oneself does: the longest that a switch takes, and its way. */
const SWITCHED_MS = 2_500;
/** How often other keys are asked for. */
const RENEW_MS = 3_000;

/** Lets something happen to the member. */
export type Act = (work: (nowMs: number) => readonly GroupEffect[]) => void;

/** What effects reach. */
export interface EffectParts {
  readonly world: World;
  readonly speech: GroupSpeech;
  readonly peers: GroupPeers;
  readonly keys: GroupKeys;
  readonly member: () => GroupMember;
  readonly act: Act;
  /** Tells the application. */
  readonly tell: (event: GroupEvent) => void;
  /** A member does what it should not. */
  readonly suspect: (peer: GroupPeer | null) => void;
  /** There are keys to send with. */
  readonly usable: () => void;
  /** The call is over for this client. */
  readonly stop: (why: "removed" | "forked") => void;
}

/** Carries out the effects of one call. */
export class GroupEffects {
  readonly #parts: EffectParts;
  readonly #uses: GroupUses;
  #switched: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Counts what was said of keys to send with: the last word holds. */
  #turn = 0;
  #isOver = false;

  /** Nothing is to be done yet. */
  constructor(parts: EffectParts) {
    this.#parts = parts;
    this.#uses = new GroupUses(parts.world.store);
  }

  /** Nothing is done any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#switched);
    clearTimeout(this.#renewal);
  }

  /** Does one thing. */
  do(effect: GroupEffect): void {
    const { speech, peers, keys, act, member, tell } = this.#parts;
    switch (effect.kind) {
      case "propose":
        return speech.propose(effect.commit);
      case "heartbeat":
        return speech.beat(
          effect.beat,
          (beat) => act((now) => member().heartbeat(beat, now)),
        );
      case "seal":
        return peers.by(effect.to)?.link?.seal(effect.message) ?? wipe(effect.message);
      case "welcome": {
        const peer = peers.by(effect.to);
        return peer === null
          ? wipe(effect.message)
          : speech.welcome(peer, effect.message, effect.head);
      }
      case "tell":
        return this.#tell(effect.to, effect.message);
      case "ask":
        return this.#tell(effect.to, Uint8Array.of(SAID.ask));
      case "install":
        return keys.install(effect.generation);
      case "use":
        return void this.#take(effect.generation).catch((error) => {
          keys.hold();
          this.#parts.world.refused(toClientError(error, "store_failed"));
        });
      case "retire":
        return keys.retire(effect.keys);
      case "key-frame":
        return keys.requestKeyFrames();
      case "hold":
        this.#turn++;
        keys.hold();
        return tell({ kind: "held", why: effect.why });
      case "degraded":
        return tell({ kind: "degraded", isDegraded: effect.isDegraded });
      case "suspect":
        return this.#parts.suspect(peers.by(effect.who));
      case "stop":
        return this.#parts.stop(effect.why);
    }
  }

  #tell(to: Bytes | null, message: Bytes): void {
    const peer = to === null ? null : this.#parts.peers.by(to);
    if (to === null || peer !== null) this.#parts.speech.tell(peer?.id, message);
  }

  /** Not before the store has it that frames are sent under these keys, and not where it has it already. */
  async #take(generation: Generation): Promise<void> {
    const turn = ++this.#turn;
    const isFresh = await this.#uses.take(generation);
    if (this.#isOver || turn !== this.#turn || !isFresh) generation.wipe();
    else this.#use(generation);
    if (!isFresh && turn === this.#turn) this.#renew();
  }

  /** Asks for other keys, again and again until there are. */
  #renew(): void {
    if (this.#isOver) return;
    this.#parts.keys.hold();
    this.#parts.speech.tell(undefined, Uint8Array.of(SAID.renew));
    this.#parts.act((now) => this.#parts.member().worn(now));
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => {
      if (!this.#parts.keys.isUsable) this.#renew();
    }, RENEW_MS);
  }

  #use(generation: Generation): void {
    const { epoch, step } = generation;
    this.#parts.keys.use(generation);
    this.#parts.usable();
    this.#parts.tell({ kind: "keys", generation: { epoch, step } });
    // No stack says under which keys a frame opened: everybody has switched when the longest switch is over.
    clearTimeout(this.#switched);
    this.#switched = setTimeout(() => {
      for (const { index } of this.#parts.member().head?.roster ?? []) {
        this.#parts.act((now) => this.#parts.member().heard(index, epoch, step, now));
      }
    }, SWITCHED_MS);
  }
}

function wipe(secret: Bytes): void {
  secret.fill(0);
}
