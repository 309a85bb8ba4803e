/**
 * What somebody can do about an alarm.
 *
 * @module
 */

import { type Client } from "../../client/mod.ts";
import { type Alarm, type Model } from "./model.ts";
import { plain, troubleOf } from "./trouble.ts";

/** What can be done about an alarm, on the button that does it; null where nothing can here. */
export function answerTo({ trouble }: Alarm): string | null {
  switch (trouble.code) {
    case "identity_changed":
      return "I asked them in person: believe the new identity";
    default:
      return null;
  }
}

/** Does it. The alarm stays where that fails. */
export async function answer(client: Client, model: Model, alarm: Alarm): Promise<void> {
  const { label } = alarm;
  if (label === null) return;
  model.settle(alarm, { busy: true });
  try {
    await client.confirmIdentity(label);
    model.settle(alarm, null);
    model.notify(plain(
      `The new identity of ${label} is believed`,
      "Compare the safety number in your next call.",
    ));
  } catch (error) {
    model.settle(alarm, { busy: false });
    model.notify(troubleOf(error));
  }
}
