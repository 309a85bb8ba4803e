/**
 * Joining: this device, which has no account, waits for another one to take it into its own.
 *
 * @module
 */

import { type Joining } from "../../client/mod.ts";
import { enter, keep, type Own } from "./account.ts";
import { type Model, WELCOME } from "./model.ts";
import { type CodeKind } from "./state.ts";
import { plain, troubleOfLink } from "./trouble.ts";

/** Longest name of a device, in bytes of UTF-8. */
const MAX_NAME_BYTES = 64;

/** What somebody does on a device that joins. */
export interface Joiner {
  /** Shows a code. @param name what the device is to be called */
  begin(name: string): void;
  /** Shows a code of the other kind, or a new one. */
  again(kind: CodeKind): void;
  /** Says that both devices show the same digits. */
  confirm(): void;
  /** Goes back, and tells the other device. */
  giveUp(): void;
}

/** Makes what joins an account for this device. */
export function createJoiner(own: Own, model: Model): Joiner {
  let name = "";
  let attempt = new AbortController();
  let joining: Joining | null = null;

  return {
    begin(wanted) {
      name = wanted.trim();
      if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) {
        const trouble = plain("That is too long for the name of a device", "");
        return model.set({ screen: { ...WELCOME, about: "device", trouble } });
      }
      void keep(own.store, model);
      void join("scanned");
    },
    again: (kind) => void join(kind),
    confirm() {
      joining?.confirm();
      model.setJoin({ confirmed: true });
    },
    giveUp() {
      attempt.abort();
      model.set({ screen: WELCOME });
    },
  };

  async function join(kind: CodeKind): Promise<void> {
    attempt.abort();
    joining = null;
    const mine = attempt = new AbortController();
    /** Shows it, unless somebody began again or went back meanwhile. */
    const show: Model["setJoin"] = (changes) => {
      if (!mine.signal.aborted) model.setJoin(changes);
    };
    const view = { kind, code: null, digits: null, account: null, confirmed: false, trouble: null };
    model.set({ screen: { at: "joining", join: view } });
    try {
      const begun = await own.client.joinAccount({ device: name, kind, signal: mine.signal });
      if (mine.signal.aborted) return;
      joining = begun;
      show({ code: begun.code });
      show({ digits: await begun.digits });
      show({ account: await begun.account });
      await begun.done;
      await enter(own.client, model, "");
    } catch (error) {
      show({ trouble: troubleOfLink(error) });
    }
  }
}
