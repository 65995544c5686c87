// What the tests of the pages stand on: the real server over a log with real and made-up history, and a real browser.

import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { fromDisk } from "./from-disk.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const MODULES = needed("DEEDBOOK_NODE_MODULES");
export const BINARY = needed("DEEDBOOK_BINARY");
const CHROMIUM = needed("DEEDBOOK_CHROMIUM");
/** Where pictures and the log go; nothing in it is precious. */
export const OUTPUT = needed("DEEDBOOK_PAGES_OUTPUT");
export const TOKEN = "the token of a server that lives for a minute";

const require = createRequire(path.join(MODULES, "/"));
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(path.join(MODULES, "axe-core/axe.min.js"), "utf8");

/** @param {string} name */
function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the variable ${name} is missing: cargo xtask test sets it`);
  return value;
}

/** A server over a fresh log, or over that of a path, with further flags, and a browser. */
export async function open(name, prepare = () => {}, ...flags) {
  const data = path.resolve(OUTPUT, path.isAbsolute(name) ? name : `log-${name}`);
  if (!path.isAbsolute(name)) fs.rmSync(data, { recursive: true, force: true });
  fs.mkdirSync(OUTPUT, { recursive: true });
  const run = (...words) => execFileSync(BINARY, ["--data", data, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  prepare(run);
  const server = spawn(BINARY, ["--data", data, "serve", "--listen=127.0.0.1:0", "--log=warn", ...flags], {
    env: { ...process.env, DEEDBOOK_ADMIN_TOKEN: TOKEN },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const own = await new Promise((resolve, reject) => {
    let text = "";
    server.stdout.on("data", (bytes) => {
      text += bytes;
      const found = text.match(/http:\/\/[0-9.:]+/);
      if (found) resolve(found[0]);
    });
    server.once("exit", () => reject(new Error(`deedbook serve ended: ${text}`)));
  });
  const address = process.env.DEEDBOOK_PAGES_FROM_DISK ? await fromDisk(own) : own;
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  return {
    address,
    browser,
    /** Records events as an application does. */
    async record(...events) {
      const body = JSON.stringify(events);
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const answer = await fetch(`${address}/v1/events?atomic=true`, { method: "POST", headers, body });
      if (!answer.ok) throw new Error(await answer.text());
    },
    /** Asks the API as an administrator does. */
    async call(method, place, body) {
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const answer = await fetch(address + place, { method, headers, body: body && JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${method} ${place}: ${await answer.text()}`);
      return answer.json();
    },
    stop: () => server.kill("SIGKILL"),
    async close() {
      await browser.close();
      server.kill("SIGTERM");
      await ended;
    },
  };
}

/** A page of its own, signed in, that fails the test where a script fails or the policy of the page is broken. */
export async function visit(house, place = "/", { theme = "light", size = [1440, 900], locale = "en-GB", signedIn = true, before = async (_page) => {}, ...more } = {}) {
  const context = await house.browser.newContext({
    viewport: { width: size[0], height: size[1] }, colorScheme: theme, locale, timezoneId: "Europe/Berlin",
    permissions: ["clipboard-read", "clipboard-write"], ...more,
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const wrong = [];
  const underway = new Set();
  page.on("request", (request) => request.url().includes("/tail?") || underway.add(request));
  page.on("requestfinished", (request) => underway.delete(request));
  page.on("requestfailed", (request) => underway.delete(request));
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack ?? error.message}`));
  page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await before(page);
  await page.goto(house.address + place);
  if (signedIn) {
    await page.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.locator("deedbook-sign-in").waitFor({ state: "detached" });
  }
  /** Ends the visit. */
  const leave = async () => {
    wrong.push(...(await page.evaluate(() => window.violations)));
    await context.close();
    if (wrong.length) throw new Error(wrong.join("\n"));
  };
  return Object.assign(page, { leave, wrong, underway });
}

/** How long nothing may be asked for until a page is settled. */
const QUIET_MS = 150;

/** Until everything that was asked for has come, but for tails, which never end. */
export async function settled(page) {
  for (let quiet = 0; quiet < QUIET_MS; quiet += 25) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    if (page.underway.size > 0) quiet = 0;
  }
}

/** What axe-core finds. */
export async function violations(page) {
  await page.evaluate((axe) => {
    // The policy of the page has no place for it; evaluated by the driver, it needs none.
    if (!window.axe) (0, eval)(axe);
  }, AXE).catch(async () => page.addInitScript(AXE));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 4).map(({ target, failureSummary }) => `${target.flat().join(" > ")} (${failureSummary.split("\n")[1]?.trim()})`).join("; ")}`);
}

/** Whether anything stands beside the page. */
export function isTooWide(page) {
  return page.evaluate(() => {
    const log = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log");
    return [document.documentElement, log].filter(Boolean).some((box) => box.scrollWidth > box.clientWidth + 1);
  });
}
