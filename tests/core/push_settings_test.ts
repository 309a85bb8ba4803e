import assert from "node:assert/strict";
import { pushServiceOf, readPushSettings } from "../../core/push_settings.ts";

const CONTACT = "mailto:ops@calls.example";

Deno.test("without a contact there is no Web Push, and with one the browsers' push services", () => {
  assert.equal(readPushSettings({}), null);
  assert.equal(readPushSettings({ contact: "", hosts: " , " }), null);
  const { contact, hosts } = readPushSettings({ contact: CONTACT })!;
  assert.equal(contact, CONTACT);
  for (
    const host of [
      "fcm.googleapis.com",
      "updates.push.services.mozilla.com",
      "web.push.apple.com",
      "wns2-by3p.notify.windows.com",
    ]
  ) assert.notEqual(pushServiceOf(hosts, host), null, host);
  for (const host of ["googleapis.com", "evilnotify.windows.com", "push.apple.com", "localhost"]) {
    assert.equal(pushServiceOf(hosts, host), null, host);
  }
  const own = readPushSettings({
    contact: "https://calls.example/ops",
    hosts: "Push.example, *.a.b",
  });
  assert.deepEqual(own?.hosts, ["push.example", "*.a.b"]);
});

Deno.test("a contact that is none, an address as a push service, and hosts for nothing stop the start", () => {
  const refused = (contact: string | undefined, hosts: string | undefined, why: RegExp) =>
    assert.throws(() => readPushSettings({ contact, hosts }), why);
  refused(undefined, "push.example", /no effect without COUNTERSIGN_CONTACT/);
  for (const contact of ["ops@calls.example", "mailto:ops", "http://calls.example", "https://"]) {
    refused(contact, undefined, /COUNTERSIGN_CONTACT has to be/);
  }
  for (
    const host of ["127.0.0.1", "[::1]", "localhost", "*", "*.", "a.b/c", "https://a.b", "a..b"]
  ) {
    refused(CONTACT, host, /COUNTERSIGN_PUSH_HOSTS has to list/);
  }
});
