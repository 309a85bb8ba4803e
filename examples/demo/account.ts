/**
 * The account of this page: opened from this device's store, registered once, and kept online. What
 * watching the log finds is shown from here.
 *
 * @module
 */

import { Client, ClientError, type Finding } from "../../client/mod.ts";
import { type BrowserStore, indexedDbStore } from "../../client/store_indexeddb.ts";
import { type Model } from "./model.ts";
import { type Trouble } from "./state.ts";
import { elsewhere, NO_NAME, troubleOf, troubleOfStay } from "./trouble.ts";

/** How long to wait before going online is tried again, in milliseconds. */
const RETRY_MS = 3_000;

/** The account of this page, and where it is kept. */
export interface Own {
  readonly client: Client;
  readonly store: BrowserStore;
}

/** Whether this browser can do what a call needs; a sentence where it can't. */
export function missing(): string | null {
  if (!globalThis.isSecureContext) return "Open this page by HTTPS, or on localhost.";
  if (!("RTCRtpScriptTransform" in globalThis)) {
    return "This browser cannot encrypt frames (RTCRtpScriptTransform). Use a current Chromium, Firefox or Safari.";
  }
  return null;
}

/** Where the keys of a person of this page are kept; each number is a person of its own. */
export function storeName(device: number): string {
  return device === 1 ? "countersign" : `countersign-${device}`;
}

/** What a device is called unless its owner says otherwise; a browser's name is nobody's business. */
export function deviceName(): string {
  return matchMedia("(pointer: coarse)").matches ? "phone" : "computer";
}

/** Opens what this device remembers. @throws ClientError */
export async function openOwn(device: number, model: Model): Promise<Own> {
  const store = await indexedDbStore(storeName(device));
  try {
    const client = await Client.open({ service: location.origin, store });
    client.onOnline = (online, why) => {
      if (why !== null && why.code !== "socket_blocked") return void stop(client, model, why);
      if (why !== null) model.notify(troubleOf(why));
      model.set({ presence: online ? "online" : "reconnecting" });
      if (online) showDevices(client, model);
    };
    client.onRefused = (error) => model.notify(troubleOf(error));
    client.onAlarm = (finding) => void found(client, model, finding);
    await showEvidence(client, model);
    return { client, store };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Asks the browser to keep what makes this device somebody; shows what it said. */
export async function keep(store: BrowserStore, model: Model): Promise<void> {
  model.set({ kept: await store.persist() });
}

/** Registers a name and goes online; what is wrong with it is shown beside the field. */
export async function register(own: Own, model: Model, name: string): Promise<void> {
  const { client, store } = own;
  const welcome = (busy: boolean, trouble: Trouble | null) =>
    model.set({ screen: { at: "welcome", busy, about: "name", trouble } });
  if (name.trim() === "") return welcome(false, NO_NAME);
  welcome(true, null);
  void keep(store, model);
  try {
    await client.register(name, deviceName());
  } catch (error) {
    const trouble = troubleOf(error);
    if (trouble.mayStartOver) return await stop(client, model, error);
    return welcome(false, trouble);
  }
  await enter(client, model, "");
}

/**
 * Shows the home of a registered account and connects, again and again where it must; once it was
 * online, the client connects again by itself.
 *
 * @param callee whom the link that opened the page names, or an empty text
 */
export async function enter(client: Client, model: Model, callee: string): Promise<void> {
  model.set({ label: client.label, screen: { at: "home", about: "call", trouble: null } });
  showDevices(client, model);
  for (;;) {
    try {
      return await client.goOnline();
    } catch (error) {
      const code = error instanceof ClientError ? error.code : null;
      if (code === "closed") return;
      if (code === "in_use") {
        model.set({ presence: "elsewhere" });
        const trouble = elsewhere(client.label ?? "", callee);
        return model.set({ screen: { at: "broken", trouble } });
      }
      if (!(error instanceof ClientError && error.retryable)) {
        return await stop(client, model, error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Shows the devices of the account as this one knows them. */
export function showDevices(client: Client, model: Model): void {
  if (client.label !== null) model.set({ devices: client.devices() });
}

/** Says why this page can't be online any more; a call under way goes on before that is shown. */
async function stop(client: Client, model: Model, error: unknown): Promise<void> {
  const gaveUp = troubleOfStay(error);
  // That can be answered, and the answer stands beside the alarm.
  if (gaveUp.code === "account_reset") model.raise(client.label, troubleOf(error));
  model.set({ presence: "stopped", gaveUp, link: null, removal: null });
  await showEvidence(client, model);
  if (model.get().screen.at === "call") return;
  model.set({ screen: { at: "broken", trouble: gaveUp } });
}

/** Shows what watching the log found; a device that stands in no account any more has nothing to do. */
async function found(client: Client, model: Model, { label, error }: Finding): Promise<void> {
  if (label === client.label && ENDED.has(error.code)) return await stop(client, model, error);
  const isOwn = label === client.label && error.code !== "account_reset";
  const trouble = isOwn ? troubleOfStay(error) : troubleOf(error);
  if (trouble.isLie) model.raise(label, trouble);
  else model.notify(trouble);
  await showEvidence(client, model);
}

/** What ends the account on this device. */
const ENDED: ReadonlySet<string> = new Set(["device_removed", "name_retired"]);

async function showEvidence(client: Client, model: Model): Promise<void> {
  // A store that can't be read any more says so elsewhere.
  const evidence = await client.evidence().catch(() => []);
  model.set({ evidence });
}
