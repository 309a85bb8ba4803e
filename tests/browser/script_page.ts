/**
 * A page of a test's scripts, which is asked one question.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Browser } from "playwright-core";

const ORIGIN = "https://countersign.test";
const HTML = `<!doctype html><title>Countersign</title><body><script src="/page.js"></script>`;

/**
 * What a function of the page `/page.js` gives. The page is closed, and must have had no error.
 *
 * @param scripts by path
 */
export async function ask<T>(
  browser: Browser,
  scripts: Readonly<Record<string, string>>,
  name: string,
  ...args: readonly unknown[]
): Promise<T> {
  const tab = await browser.newPage();
  const errors: string[] = [];
  tab.on("pageerror", (error) => errors.push(error.message));
  await tab.route(`${ORIGIN}/**`, (route) => {
    const body = scripts[new URL(route.request().url()).pathname];
    return route.fulfill(
      body === undefined
        ? { contentType: "text/html", body: HTML }
        : { contentType: "text/javascript", body },
    );
  });
  await tab.goto(`${ORIGIN}/`);
  const result = await tab.evaluate<T>(`${name}(...${JSON.stringify(args)})`);
  await tab.close();
  assert.deepEqual(errors, []);
  return result;
}
