/**
 * Tells of a call that rings while nobody looks at this page: a notification of the browser, where its user
 * allowed them. The page's title says it as well.
 *
 * @module
 */

import { type Model } from "./model.ts";
import { type PeerView } from "./state.ts";

/** Tells of calls. */
export interface Announcer {
  /** The call that rings, or null once none does. */
  announce(incoming: PeerView | null): void;
}

/** Makes an announcer. */
export function createAnnouncer(): Announcer {
  let announced: PeerView | null = null;
  let shown: Notification | null = null;
  return {
    announce(incoming) {
      if (incoming === announced) return;
      announced = incoming;
      shown?.close();
      shown = incoming !== null && isUnseen() ? notify(incoming) : null;
    },
  };
}

/** Asks the user whether they want to be told; what they say is shown. */
export async function askToAnnounce(model: Model): Promise<void> {
  if (!("Notification" in globalThis)) return;
  model.set({ announcing: await Notification.requestPermission() });
}

/** What the user said so far; null where this browser has no notifications. */
export function mayAnnounce(): NotificationPermission | null {
  return "Notification" in globalThis ? Notification.permission : null;
}

function isUnseen(): boolean {
  return document.hidden || !document.hasFocus();
}

function notify({ label }: PeerView): Notification | null {
  if (mayAnnounce() !== "granted") return null;
  try {
    const notification = new Notification(`${label} is calling`, {
      body: "The public log holds the keys of this name. Open the page to answer.",
      tag: "countersign-call",
      requireInteraction: true,
    });
    notification.addEventListener("click", () => {
      globalThis.focus();
      notification.close();
    });
    return notification;
  } catch {
    // Browsers of phones want a service worker for it.
    return null;
  }
}
