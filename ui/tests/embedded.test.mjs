// The example of a page on another origin: its README is walked through, and what the page sees is what its session may.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before } from "node:test";

import { rows, visiting as visitingIn } from "./driving.mjs";
import { BINARY, open, OUTPUT, ROOT, settled, TOKEN, violations } from "./house.mjs";

const EXAMPLE = path.join(ROOT, "examples/embedded");
const ADDRESS = "http://127.0.0.1:7500";

let house;
let shop;

/** A port that is free, as far as one can know. */
function freePort() {
  const server = net.createServer();
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  }));
}

/** The blocks of the README in a language. */
function blocks(language) {
  const readme = fs.readFileSync(path.join(EXAMPLE, "README.md"), "utf8");
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, text]) => text);
}

before(async () => {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  fs.mkdirSync(OUTPUT, { recursive: true });
  const config = path.join(OUTPUT, "embedded.toml");
  const text = fs.readFileSync(path.join(EXAMPLE, "deedbook.toml"), "utf8");
  assert.ok(text.endsWith(blocks("toml")[0]), "the README tells another file");
  fs.writeFileSync(config, text.replace(ADDRESS, address));
  house = await open("embedded", undefined, `--config=${config}`);
  const [script] = blocks("sh");
  assert.ok(script.includes("cargo run -q -p deedbook-cli --") && script.includes("\nnode "), script);
  const walked = script.replaceAll("cargo run -q -p deedbook-cli --", BINARY).replace("\nnode ", "\nexec node ");
  // As the first start prints one; that of the tests has spaces, which no variable of a command may.
  const made = await fetch(`${house.address}/v1/tokens`, { method: "POST", headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }, body: '{"kind":"admin"}' });
  const { token } = await made.json();
  const env = { ...process.env, DEEDBOOK_SERVER: house.address, DEEDBOOK_TOKEN: token, PORT: String(port) };
  const product = spawn("bash", ["-euo", "pipefail", "-c", walked], { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    product.stdout.on("data", (bytes) => String(bytes).includes(address) && resolve());
    product.once("exit", (code) => reject(new Error(`the example ended with ${code}`)));
  });
  shop = { address, browser: house.browser, stop: () => product.kill("SIGTERM") };
});
after(async () => {
  shop?.stop();
  await house?.close();
});

const visiting = (name, options, act) => visitingIn(() => shop, name, { signedIn: false, ...options }, act);
const narrow = (page, text) => page.getByRole("combobox").fill(text).then(() => page.keyboard.press("Enter"));
const counted = (page, text) => page.locator("deedbook-log [part=count]").getByText(text, { exact: true }).waitFor();

for (const theme of ["light", "dark"]) {
  visiting(`a page of another origin shows what its session may see, ${theme}`, { theme }, async (page) => {
    await counted(page, "5 entries");
    assert.notEqual(new URL(page.url()).origin, house.address);
    const text = (await rows(page).allTextContents()).join("\n");
    assert.ok(text.includes("Grace Hopper") && !/staff|Round Table/.test(text), text);
    await settled(page);
    await page.screenshot({ path: path.join(OUTPUT, `embedded-${theme}.png`), fullPage: true });
    assert.deepEqual(await violations(page), []);
    for (const hidden of ["staff", "target:project:prj_2", "action:project.flagged"]) {
      await narrow(page, hidden);
      await page.getByRole("heading", { name: "No entry matches" }).waitFor();
    }
    await narrow(page, "outcome:denied");
    await rows(page).getByText("Eve Polastri").waitFor();
    await rows(page).locator(".opener").first().click();
    await page.getByRole("complementary", { name: "Entry" }).getByText("Only owners delete a project").first().waitFor();
  });
}

visiting("new entries appear in it as they come", {}, async (page) => {
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByText("New entries appear as they come").waitFor();
  const event = (id, project) => ({ id, tenant: "product", action: "project.renamed", actor: { type: "user", id: "ada", name: "Ada Lovelace" }, targets: [{ type: "project", id: project, name: `Renamed ${project}` }], audience: ["owners"] });
  await house.record(event("evt_live_1", "prj_2"), event("evt_live_2", "prj_1"));
  await rows(page).getByText("Renamed prj_1").waitFor();
  assert.equal(await rows(page).getByText("Renamed prj_2").count(), 0);
});

visiting("a session is renewed before it ends, and begun anew where it has ended", { async before(page) { await page.clock.install(); } }, async (page) => {
  await rows(page).first().waitFor();
  const token = await page.evaluate(() => document.querySelector("deedbook-log").token);
  const renewed = page.waitForResponse(/audit\/renew/);
  await page.clock.fastForward("14:30");
  const { expires_at } = await (await renewed).json();
  assert.ok(new Date(expires_at) > Date.now());
  await narrow(page, "outcome:denied");
  await rows(page).getByText("Eve Polastri").first().waitFor();
  assert.equal(await page.evaluate(() => document.querySelector("deedbook-log").token), token, "nothing was loaded anew");
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { data } = await (await fetch(`${house.address}/v1/viewer-sessions`, { headers })).json();
  for (const { id } of data) await fetch(`${house.address}/v1/viewer-sessions/${id}`, { method: "DELETE", headers });
  await narrow(page, "action:project.changed");
  await page.waitForFunction((token) => document.querySelector("deedbook-log").token !== token, token);
  await rows(page).getByText("Grace Hopper").first().waitFor();
});

/** What the page gets for a request to the log: its status and code, or nothing where the browser does not tell. */
function asked(page, token, more = {}) {
  return page.evaluate(async ([server, token, more]) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    try {
      const response = await fetch(`${server}/v1/events`, { headers, ...more });
      return [response.status, (await response.json()).code];
    } catch {
      return null;
    }
  }, [house.address, token, more]);
}

visiting("no administrator's token and no cookie works from there", {}, async (page) => {
  await rows(page).first().waitFor();
  assert.deepEqual(await asked(page, TOKEN), [403, "foreign_page"]);
  const own = await page.context().newPage();
  await own.goto(house.address);
  await own.getByLabel("Token").fill(TOKEN);
  await own.keyboard.press("Enter");
  await rows(own).first().waitFor();
  assert.equal(await asked(page, null, { credentials: "include" }), null, "the browser does not tell");
  assert.equal(await asked(page, TOKEN, { method: "POST", body: "{}" }), null);
});

visiting("an origin that is not listed is told nothing", {}, async (page) => {
  await rows(page).first().waitFor();
  const token = await page.evaluate(() => document.querySelector("deedbook-log").token);
  assert.deepEqual(await asked(page, token), [200, undefined]);
  await page.goto(shop.address.replace("127.0.0.1", "localhost"));
  await page.getByRole("alert").getByText("cannot be shown").waitFor();
  assert.equal(await asked(page, token), null);
});

visiting("what is on the screen is saved without a token in any address", { async before(page) {
  await page.addInitScript(() => { delete window.showSaveFilePicker; });
} }, async (page) => {
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  await narrow(page, "outcome:denied");
  await counted(page, "One entry");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  assert.equal(file.suggestedFilename(), "events.csv");
  const text = fs.readFileSync(await file.path(), "utf8");
  assert.equal(text.trim().split("\n").length, 2, text);
  const token = await page.evaluate(() => document.querySelector("deedbook-log").token);
  assert.ok(addresses.some((address) => address.includes("/v1/events.csv")) && !addresses.some((address) => address.includes(token)));
});

visiting("a browser that can streams to the file that the reader chooses", { async before(page) {
  // No test can answer the browser's own dialog; the file behind it is real.
  await page.addInitScript(() => {
    window.showSaveFilePicker = async ({ suggestedName }) => {
      window.picked = suggestedName;
      return (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    };
  });
} }, async (page) => {
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "NDJSON" }).click();
  await page.waitForFunction(() => window.picked === "events.ndjson");
  await page.locator(".exports").getByText("Export", { exact: true }).waitFor();
  const text = await page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getFileHandle("events.ndjson");
    return (await handle.getFile()).text();
  });
  const ids = text.trim().split("\n").map((line) => JSON.parse(line).id);
  assert.ok(ids.includes("evt_1") && !ids.includes("evt_6") && !ids.includes("evt_7"), text);
});
