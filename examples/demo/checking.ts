/**
 * Checking who the other side of a call is: comparing pictures by voice, or scanning each other's code. What
 * somebody says here the client keeps; nobody is believed by the page itself.
 *
 * @module
 */

import { type Call, type Client, ClientError, type Comparison } from "../../client/mod.ts";
import { type Model } from "./model.ts";
import { part } from "./parts.ts";
import { scan } from "./scanner.ts";
import { type CheckView } from "./state.ts";
import { plain, troubleOf } from "./trouble.ts";

/** How a safety code begins, before a camera. */
const SAFETY_CODE = /^countersign-safety:/;

/** What somebody does to find out who is on the other side. */
export interface Checking {
  /** A call is connected: from now on its other side can be checked, and may ask to. */
  follow(call: Call): void;
  /** Shows the ways to check. */
  open(): void;
  /** Goes back to the call. */
  close(): void;
  /** Asks the other side to compare pictures, or agrees to. */
  compare(): void;
  /** Says what the comparison of pictures came to. */
  say(verdict: "same" | "different"): void;
  /** Lets the camera look for the other side's code, or stops it. */
  toggleScan(): void;
}

/** Makes what checks the other sides of this client's calls. */
export function createChecking(client: Client, model: Model): Checking {
  let comparison: Comparison | null = null;
  let camera = new AbortController();

  return {
    // A call that ended in the moment in which it was connected has nobody to check.
    follow: (call) => void follow(call).catch(() => {}),
    open: () => void open(),
    close() {
      camera.abort();
      show({ open: false, scanning: false, trouble: null });
    },
    compare: () => attempt(() => comparison!.begin()),
    say: (verdict) => attempt(() => say(verdict)),
    toggleScan() {
      if (model.get().check?.scanning !== true) return void look();
      camera.abort();
      show({ scanning: false });
    },
  };

  function show(changes: Partial<CheckView>): void {
    const { check } = model.get();
    if (check !== null) model.set({ check: { ...check, ...changes } });
  }

  async function follow(call: Call): Promise<void> {
    const { label, standing } = call.peer;
    const own = comparison = await call.comparison();
    model.set({
      check: {
        label,
        standing,
        open: false,
        step: own.state,
        code: null,
        shown: null,
        scanning: false,
        trouble: null,
      },
    });
    for await (const step of own.states()) {
      if (comparison === own) show({ step, code: own.code });
    }
    if (comparison !== own) return;
    camera.abort();
    comparison = null;
    model.set({ check: null });
  }

  async function open(): Promise<void> {
    const { check } = model.get();
    if (check === null) return;
    show({ open: true });
    try {
      const { code } = await client.verification();
      show({ shown: await code(check.label) });
    } catch (error) {
      show({ trouble: troubleOf(error) });
    }
  }

  async function say(verdict: "same" | "different"): Promise<void> {
    await comparison!.say(verdict);
    if (verdict === "same") show({ standing: "verified" });
  }

  function attempt(work: () => Promise<void>): void {
    show({ trouble: null });
    work().catch((error) => show({ trouble: troubleOfCheck(error) }));
  }

  async function look(): Promise<void> {
    const { check } = model.get();
    if (check === null) return;
    const mine = camera = new AbortController();
    show({ scanning: true, trouble: null });
    try {
      const code = await scan(part("check-video", HTMLVideoElement), SAFETY_CODE, mine.signal);
      if (code === null) return;
      const verification = await client.verification();
      await verification.scan(check.label, code);
      show({ scanning: false, standing: "verified" });
    } catch (error) {
      if (mine.signal.aborted) return;
      await refuse(check.label, error);
    }
  }

  /** A code that is not the right one is shown over everything, and stays when the call is over. */
  async function refuse(label: string, error: unknown): Promise<void> {
    const trouble = error instanceof ClientError
      ? troubleOfCheck(error)
      : plain("No code was scanned", troubleOf(error).text);
    const people = await (await client.verification()).people();
    const standing = people.find((one) => one.label === label)?.standing ?? "consistent";
    show({ scanning: false, trouble, standing });
    if (trouble.isLie) model.raise(label, trouble);
  }
}

/** Why a check came to nothing: of an ordinary end the library's own sentence says most. */
function troubleOfCheck(error: unknown): ReturnType<typeof troubleOf> {
  const trouble = troubleOf(error);
  const isOrdinary = error instanceof ClientError && !trouble.isLie && error.problem === null;
  return isOrdinary ? { ...trouble, title: "Not checked", text: `${error.message}.` } : trouble;
}
