/**
 * What somebody can do about an alarm.
 *
 * @module
 */

import { type Client } from "../../client/mod.ts";
import { enter } from "./account.ts";
import { type Model } from "./model.ts";
import { type Alarm } from "./state.ts";
import { plain, troubleOf } from "./trouble.ts";

/** What can be done about an alarm, on the button that does it; null where nothing can here. */
export function answerTo({ trouble }: Alarm): string | null {
  switch (trouble.code) {
    case "identity_changed":
      // Where they say themselves that they are shown otherwise, there is nothing to believe.
      return trouble.identity === null ? null : "I asked them in person: believe the new identity";
    case "account_reset":
      return "This was not me: cancel it";
    case "code_mismatch":
      return "I have read this";
    default:
      return null;
  }
}

/** Does it. The alarm stays where that fails. */
export async function answer(client: Client, model: Model, alarm: Alarm): Promise<void> {
  const { label, trouble: { code, identity } } = alarm;
  if (label === null) return;
  model.settle(alarm, { busy: true });
  try {
    if (code === "account_reset") await takeBack(client, model);
    else if (identity !== null) await believe(client, model, label, identity);
    model.settle(alarm, null);
  } catch (error) {
    model.settle(alarm, { busy: false });
    model.notify(troubleOf(error));
  }
}

async function believe(
  client: Client,
  model: Model,
  label: string,
  identity: string,
): Promise<void> {
  await client.confirmIdentity(label, identity);
  model.notify(plain(
    `The new identity of ${label} is believed`,
    "Compare the safety number in your next call.",
  ));
}

/** What kept this device from being there is over, so it goes there again. */
async function takeBack(client: Client, model: Model): Promise<void> {
  await client.cancelReset();
  model.notify(plain(
    "The reset of your account was cancelled",
    "Your devices are those from before. Ask whoever runs the service who asked for it.",
  ));
  if (client.online) return;
  model.set({ gaveUp: null });
  await enter(client, model, "");
}
