/**
 * The other devices of the account: taking a new one in, and removing one.
 *
 * @module
 */

import { type DeviceInfo, type Linking } from "../../client/mod.ts";
import { type Own, showDevices } from "./account.ts";
import { type Model } from "./model.ts";
import { part } from "./parts.ts";
import { scan } from "./scanner.ts";
import { type LinkView } from "./state.ts";
import { plain, troubleOf, troubleOfLink } from "./trouble.ts";
import { calledDevice } from "./words.ts";

/** How the code of a new device begins, before a camera. */
const LINK_CODE = /^countersign-link:/;

/** What somebody does with the devices of their account. */
export interface Devices {
  /** Asks for the code of a new device. */
  link(): void;
  /** Takes that code. */
  take(code: string): void;
  /** Lets the camera look for the code, or stops it. */
  toggleScan(): void;
  /** Says that both devices show the same digits. */
  confirm(): void;
  /** Goes back, and tells the new device. */
  giveUp(): void;
  /** Asks whether to remove a device. */
  ask(device: DeviceInfo): void;
  /** Removes the device that was asked about. */
  remove(): void;
  /** Keeps it. */
  spare(): void;
}

const ASKING: LinkView = { step: "code", scanning: false, digits: "", name: "", trouble: null };

/** Makes what changes the devices of this account. */
export function createDevices({ client }: Own, model: Model): Devices {
  let attempt = new AbortController();
  let camera = new AbortController();
  let linking: Linking | null = null;

  return {
    link() {
      showDevices(client, model);
      model.set({ link: ASKING });
    },
    take: (code) => void take(code),
    toggleScan() {
      if (model.get().link?.scanning !== true) return void look();
      camera.abort();
      model.setLink({ scanning: false });
    },
    confirm() {
      linking?.confirm();
      model.setLink({ step: "adding" });
    },
    giveUp() {
      attempt.abort();
      camera.abort();
      model.set({ link: null });
    },
    ask: (device) => model.set({ removal: { device, busy: false, trouble: null } }),
    remove: () => void remove(),
    spare: () => model.set({ removal: null }),
  };

  async function take(code: string): Promise<void> {
    camera.abort();
    if (code.trim() === "") {
      return model.setLink({ ...ASKING, trouble: plain("Type the code", "") });
    }
    const mine = attempt = new AbortController();
    const show = (changes: Partial<LinkView>) => {
      if (!mine.signal.aborted) model.setLink(changes);
    };
    show({ ...ASKING, step: "meeting" });
    try {
      linking = await client.linkDevice(code, mine.signal);
      const { digits, name } = await linking.device;
      show({ step: "compare", digits, name });
      await linking.done;
      showDevices(client, model);
      if (mine.signal.aborted) return;
      model.set({ link: null, devicesNews: `${calledDevice({ name })} was added.` });
    } catch (error) {
      show({ ...ASKING, trouble: troubleOfLink(error) });
    }
  }

  async function look(): Promise<void> {
    const mine = camera = new AbortController();
    model.setLink({ scanning: true, trouble: null });
    try {
      const code = await scan(part("scan-video", HTMLVideoElement), LINK_CODE, mine.signal);
      if (code !== null) await take(code);
    } catch (error) {
      if (mine.signal.aborted) return;
      const trouble = plain("No code was scanned", troubleOf(error).text);
      model.setLink({ scanning: false, trouble });
    }
  }

  async function remove(): Promise<void> {
    const { removal } = model.get();
    if (removal === null || removal.busy) return;
    const { device } = removal;
    model.set({ removal: { device, busy: true, trouble: null } });
    try {
      await client.removeDevice(device.id);
      model.set({ removal: null, devicesNews: `${calledDevice(device)} was removed.` });
    } catch (error) {
      model.set({ removal: { device, busy: false, trouble: troubleOf(error) } });
    }
    showDevices(client, model);
  }
}
