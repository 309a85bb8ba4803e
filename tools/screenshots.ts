/**
 * Pictures of the demo for the docs, taken in a real browser: `deno task screenshots`.
 *
 *     idle, ringing, in a call, verification, group, inspector; light and dark, wide and as on a phone
 *
 * Emoji need a font that has them (`fonts-noto-color-emoji` on Debian); `pngquant` makes the pictures small.
 *
 * @module
 */

import { openBrowser } from "../tests/browser/harness.ts";
import { builtPages, connect, openPerson, type Person } from "../tests/browser/person.ts";
import { startService } from "../tests/support/service.ts";

const FOLDER = new URL("../docs/screenshots/", import.meta.url);
const WIDE = { width: 1200, height: 820 };
const PHONE = { width: 390, height: 844 };

await Deno.mkdir(FOLDER, { recursive: true });
await using service = await startService({ pages: await builtPages() });
const { browser, close } = await openBrowser();
try {
  const errors: string[] = [];
  const open = async (name: string): Promise<Person> => {
    const person = await openPerson(browser, `${service.url}/#test`, errors);
    await person.register(name);
    await person.online();
    return person;
  };
  const [alice, bob, carol] = [await open("alice"), await open("bob"), await open("carol")];

  await alice.call("bob");
  await bob.part("incoming").waitFor();
  await take(bob, "ringing-phone", PHONE, "light");
  await take(alice, "ringing-dark", WIDE, "dark");
  await bob.part("decline").click();
  await alice.part("done").click();

  await connect(alice, bob);
  await alice.part("talk-text").fill("Did you get the plan?");
  await alice.part("talk-text").press("Enter");
  await bob.part("talk-text").fill("Yes, it is in the drawer.");
  await bob.part("talk-text").press("Enter");
  // For the plots to have something to show.
  await pause(25_000);
  await take(alice, "call", WIDE, "light");
  await take(bob, "call-phone-dark", PHONE, "dark");
  await alice.page.setViewportSize(WIDE);
  await alice.page.emulateMedia({ colorScheme: "light" });
  await shoot(alice, "inspector", ".inspector");
  await alice.page.emulateMedia({ colorScheme: "dark" });
  await shoot(alice, "inspector-dark", ".inspector");

  await alice.part("check").click();
  await alice.part("check-compare").click();
  await bob.part("check").click();
  await bob.part("check-compare").click();
  for (const person of [alice, bob]) await person.part("check-code").waitFor();
  await take(alice, "verification", WIDE, "light");
  await take(bob, "verification-phone-dark", PHONE, "dark");
  for (const person of [alice, bob]) {
    await person.part("check-same").click();
    await person.part("check-close").click();
  }
  await alice.part("hang-up").click();
  for (const person of [alice, bob]) await person.part("done").click();
  await take(alice, "idle", { width: 1200, height: 940 }, "light");
  await take(bob, "idle-phone-dark", PHONE, "dark");

  await alice.part("group-begin").click();
  await alice.says("group-link", /#/);
  const link = await alice.part("group-link").textContent();
  for (const person of [bob, carol]) {
    await person.part("group-join-link").fill(link!);
    await person.part("group-join-link").press("Enter");
  }
  const tiles = alice.part("group-tiles").locator("li[data-state=connected]");
  await tiles.nth(1).waitFor({ timeout: 60_000 });
  await carol.part("group-text").fill("Everybody here?");
  await carol.part("group-text").press("Enter");
  await pause(8_000);
  await take(alice, "group", { width: 1200, height: 940 }, "light");
  await take(carol, "group-phone-dark", PHONE, "dark");
} finally {
  await close();
}
await shrink();

async function take(
  { page }: Person,
  name: string,
  size: typeof WIDE,
  colorScheme: "light" | "dark",
): Promise<void> {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme });
  await pause(1_500);
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: pathOf(name) });
}

async function shoot({ page }: Person, name: string, selector: string): Promise<void> {
  await pause(1_500);
  await page.locator(selector).screenshot({ path: pathOf(name) });
}

/** A third of the size, to the eye the same. */
async function shrink(): Promise<void> {
  const paths = [...Deno.readDirSync(FOLDER)].map(({ name }) => new URL(name, FOLDER).pathname);
  const args = ["--force", "--strip", "--speed=1", "--quality=60-95", "--ext=.png", ...paths];
  const { success } = await new Deno.Command("pngquant", { args }).output();
  if (!success) throw new Error("pngquant could not shrink the pictures");
}

function pathOf(name: string): string {
  return new URL(`${name}.png`, FOLDER).pathname;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
