// The settings, driven as an administrator and as an auditor drive them, on the real server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { company } from "./history.mjs";
import { PAYLOADS } from "./hostile.mjs";
import { BINARY, isTooWide, open, OUTPUT, ROOT, settled, TOKEN, visit } from "./house.mjs";
import { rows, visiting as visitingIn } from "./driving.mjs";

let house;
/** A second administrator, an auditor, an auditor of one tenant, and one who only reads. */
const tokens = {};

before(async () => {
  house = await open("settings");
  await house.record(...company());
  await house.record({ id: "evt_mention", action: "note.written", actor: { type: "user", id: "linus", name: "Linus Pauling" }, targets: [{ type: "note", id: "1" }], reason: "Noor Inayat asked", metadata: { text: "told by Noor Inayat" } });
  for (const [name, body] of Object.entries({ second: { kind: "admin" }, auditor: { kind: "auditor" }, bound: { kind: "auditor", tenant: "default" }, read: { kind: "read" } })) {
    tokens[name] = (await call("POST", "/v1/tokens", { ...body, name })).token;
  }
});
after(() => house.close());

const visiting = (...test) => visitingIn(() => house, ...test);
const call = (...asked) => house.call(...asked);

/** Signs in with another token than the administrator's. */
async function as(page, token) {
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.locator("deedbook-sign-in").waitFor({ state: "detached" });
}

const dialog = (page) => page.getByRole("dialog");
const done = (page) => page.locator(".done");

/** Says why, and does it. */
async function because(page, reason, action) {
  await dialog(page).getByLabel("Why?").fill(reason);
  await dialog(page).getByRole("button", { name: action, exact: true }).click();
  await dialog(page).waitFor({ state: "hidden" });
}

/** The entry that the page names is the one of this action and reason. */
async function entered(page, action, reason) {
  const href = await done(page).getByRole("link", { name: "Its entry" }).getAttribute("href");
  const { searchParams } = new URL(href, house.address);
  const entry = await call("GET", `/v1/events/${searchParams.get("id")}?tenant=${searchParams.get("tenant")}`);
  assert.deepEqual([entry.action, entry.reason], [action, reason]);
}

visiting("a token is made, shown once, rotated and revoked, each with its reason and its entry", { at: "/settings" }, async (page) => {
  await page.getByRole("button", { name: "Make a token" }).click();
  await dialog(page).getByLabel("Name").fill("The report");
  await dialog(page).getByRole("textbox", { name: "Tenant" }).fill("acme");
  await dialog(page).getByLabel("May take entries out as files").uncheck();
  await dialog(page).getByText("Only a part of the entries").click();
  await dialog(page).getByLabel("With one of these labels").fill("owners\nadmins");
  await dialog(page).getByLabel("About one of these objects").fill("project:prj_1");
  await dialog(page).getByLabel("With one of these actions").fill("project.*");
  await dialog(page).getByText("Only a part of the values").click();
  await dialog(page).getByRole("button", { name: "Add a rule" }).click();
  await dialog(page).getByLabel("Place of rule 1").fill("/actor/email");
  await dialog(page).getByRole("button", { name: "Make it" }).click();
  assert.equal(await dialog(page).isVisible(), true, "nothing happens without a reason");
  await because(page, "Asked for by finance", "Make it");
  await entered(page, "audit.token.created", "Asked for by finance");
  const secret = await done(page).locator("code").textContent();
  assert.match(secret, /^deed_read_/);
  assert.equal((await fetch(`${house.address}/v1/events`, { headers: { authorization: `Bearer ${secret}` } })).status, 200);
  await done(page).getByRole("button", { name: "Copy" }).click();
  await done(page).getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  assert.equal(await page.evaluate((secret) => JSON.stringify([localStorage, sessionStorage, location.href, history.state]).includes(secret), secret), false);
  const row = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "The report" }) });
  for (const text of ["Reads entries", "of the tenant acme", "takes no files out", "owners, admins", "project:prj_1", "project.*", "/actor/email masked"]) await row.getByText(text).first().waitFor();
  await row.getByRole("button", { name: "Rotate The report" }).click();
  await dialog(page).getByLabel("The old text is accepted for").selectOption("0m");
  await because(page, "It was in a ticket", "Rotate");
  await entered(page, "audit.token.rotated", "It was in a ticket");
  assert.notEqual(await done(page).locator("code").textContent(), secret);
  assert.equal((await fetch(`${house.address}/v1/events`, { headers: { authorization: `Bearer ${secret}` } })).status, 401);
  await row.getByRole("button", { name: "Revoke The report" }).click();
  await because(page, "The report is done", "Revoke");
  await entered(page, "audit.token.revoked", "The report is done");
  assert.equal(await done(page).locator("code").count(), 0);
  await row.waitFor({ state: "detached" });
  await page.getByRole("link", { name: /that has ended|that have ended/ }).click();
  await row.getByText("revoked", { exact: true }).waitFor();
  assert.match(page.url(), /\/settings\?all=1$/);
  await page.reload();
  await row.waitFor();
});

visiting("what the server refuses is told where it was asked", { at: "/settings" }, async (page) => {
  await page.getByRole("button", { name: "Make a token" }).click();
  await dialog(page).getByRole("textbox", { name: "Tenant" }).fill("No Tenant");
  await dialog(page).getByLabel("Why?").fill("x");
  await dialog(page).getByRole("button", { name: "Make it" }).click();
  await dialog(page).getByRole("alert").getByText("/tenant").waitFor();
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-settings").shadowRoot.querySelector("deedbook-tokens").shadowRoot.activeElement?.textContent), "Make a token", "the focus goes back");
});

visiting("rules are planned before they are saved, ordered by keys alone, and run", { at: "/settings/retention" }, async (page) => {
  const save = page.getByRole("button", { name: "Save the rules" });
  await page.getByRole("group", { name: "Rule 1" }).waitFor();
  await page.getByRole("button", { name: "Add a rule" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("price.*");
  const fourth = page.getByRole("group", { name: "Rule 4" });
  assert.equal(await fourth.getByLabel("Action").inputValue(), "price.*", "the new rule has the focus");
  await fourth.getByLabel("Keep").selectOption("last");
  await fourth.getByLabel("How many").fill("1");
  for (let turn = 0; turn < 3; turn += 1) await page.getByRole("button", { name: `Move rule ${4 - turn} up` }).press("Enter");
  assert.equal(await page.getByRole("group", { name: "Rule 1" }).getByLabel("Action").inputValue(), "price.*");
  assert.equal(await save.isDisabled(), true, "not before the plan");
  await page.getByRole("button", { name: "Show what would go" }).click();
  await page.getByRole("heading", { name: /would go now/ }).waitFor();
  await page.getByText("action:price.* keep last 1").waitFor();
  await page.getByRole("group", { name: "Rule 1" }).getByLabel("Action").fill("invoice.sent");
  assert.equal(await save.isDisabled(), true, "another rule, another plan");
  await page.getByText("The rules have changed since").waitFor();
  await page.getByRole("group", { name: "Rule 1" }).getByLabel("Keep").selectOption("time");
  await page.getByRole("group", { name: "Rule 1" }).getByLabel("Action").fill("nothing.like_this");
  await page.getByRole("button", { name: "Show what would go" }).click();
  await page.getByText("action:nothing.like_this keep").waitFor();
  await save.click();
  await because(page, "Decided by the board", "Save the rules");
  await entered(page, "audit.retention.set", "Decided by the board");
  await page.getByText("Decided by the board").waitFor();
  await page.getByRole("button", { name: "Run now" }).click();
  await because(page, "Now and not tomorrow", "Run now");
  await entered(page, "audit.retention.finished", "Now and not tomorrow");
  await page.getByText(/entries went|one entry went/).first().waitFor();
});

visiting("a hold is placed and released", { at: "/settings/holds" }, async (page) => {
  await page.getByText("Nothing is held").waitFor();
  await page.getByRole("button", { name: "Place a hold" }).click();
  await dialog(page).getByLabel("Query").fill("action:invoice.*");
  await dialog(page).getByLabel("Object").fill("invoice:3");
  await because(page, "Case 4711", "Place it");
  await entered(page, "audit.hold.placed", "Case 4711");
  const row = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Case 4711" }) });
  await row.getByText("invoice:3").waitFor();
  await row.getByRole("button", { name: "Release" }).click();
  await because(page, "The case is closed", "Release");
  await entered(page, "audit.hold.released", "The case is closed");
  await page.getByRole("link", { name: "Show one that is released" }).click();
  await row.getByText("The case is closed").waitFor();
});

visiting("a person is erased at the word of two, after what would be found was decided", { at: "/settings/erasures" }, async (page) => {
  await page.getByRole("button", { name: "Erase a person" }).click();
  await page.getByLabel("Person", { exact: false }).first().fill("user:noor");
  await page.getByLabel("Why: the request, the law").fill("GDPR Art. 17, ticket T-5");
  await page.getByLabel("Read every text of every entry").check();
  await page.getByRole("button", { name: "Look what would be found" }).click();
  const plan = page.getByRole("group", { name: "What would go of" });
  await plan.getByText("Noor Inayat").first().waitFor();
  const ask = plan.getByRole("button", { name: "Ask for this erasure" });
  assert.equal(await ask.isDisabled(), true, "a mention is not decided");
  await plan.getByRole("button", { name: "Erase all whole" }).click();
  await plan.getByRole("group", { name: "What becomes of evt_mention" }).getByLabel("Keep it").check();
  await ask.click();
  await page.getByText("Another administrator approves it.").waitFor();
  await done(page).getByRole("link", { name: "Its entry" }).waitFor();
  await page.getByText("You asked for it").waitFor();
  const { data: [{ id }] } = await call("GET", "/v1/erasures");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.goto(`${house.address}/settings/erasures?id=${id}`);
  await as(page, tokens.second);
  await page.locator(`li.current[data-id="${id}"]`).getByRole("button", { name: "Approve" }).click();
  await because(page, "I looked at it", "Approve");
  await page.getByText("done", { exact: true }).waitFor();
  assert.equal(await page.getByText("a person who is named no more").count(), 1);
  await page.getByText("Certificate").click();
  await page.getByText("Whole contents").waitFor();
  const { data: [entry] } = await call("GET", "/v1/events?tenant=_deedbook&q=action:audit.erasure.approved");
  assert.equal(entry.reason, "I looked at it");
});

visiting("an auditor looks and changes nothing", { at: "/settings", signedIn: false }, async (page) => {
  await as(page, tokens.auditor);
  for (const place of ["/settings", "/settings/retention", "/settings/holds?all=1", "/settings/erasures"]) {
    await page.goto(house.address + place);
    await page.getByText("You can look at the settings").waitFor();
    await settled(page);
    assert.equal(await page.getByRole("button", { name: /Make|Rotate|Revoke|Save|Run|Place|Release|Erase|Approve|Withdraw|Add/ }).count(), 0, place);
    assert.equal(await page.getByRole("link", { name: "Its entry" }).count() > 0, true, place);
  }
});

visiting("an auditor of one tenant sees its settings, and no entries of the log's own", { at: "/settings", signedIn: false }, async (page) => {
  await as(page, tokens.bound);
  await page.getByRole("heading", { name: "bound" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Its entry" }).count(), 0);
  await page.getByRole("link", { name: "Retention" }).click();
  await page.getByRole("button", { name: "Show what would go" }).click();
  await page.getByRole("heading", { name: /would go now/ }).waitFor();
});

visiting("whoever reads alone is refused in words, and sees no link", { at: "/settings/holds", signedIn: false }, async (page) => {
  await as(page, tokens.read);
  await page.getByRole("heading", { name: "The settings are not for this token" }).waitFor();
  assert.equal(await page.getByRole("navigation").getByRole("link", { name: "Settings" }).count(), 0);
  await page.getByRole("link", { name: "Back to the log" }).click();
  await rows(page).first().waitFor();
});

visiting("a search is saved, followed and deleted", { at: "/?q=outcome%3Adenied" }, async (page) => {
  await rows(page).first().waitFor();
  const button = page.getByRole("button", { name: "Saved searches" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.getByText("No search is saved").waitFor();
  await page.getByLabel("Save what is searched now, as").fill("What was denied");
  await page.keyboard.press("Enter");
  await page.getByText("The search is saved.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Save what is searched now, as").waitFor({ state: "hidden" });
  await page.goto(`${house.address}/?q=nothing`);
  await button.click();
  await page.getByRole("link", { name: "What was denied" }).press("Enter");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "outcome:denied");
  await rows(page).first().waitFor();
  await button.click();
  await page.getByRole("button", { name: "Delete What was denied" }).click();
  await page.getByText("The search is deleted.").waitFor();
  await page.getByText("No search is saved").waitFor();
});

visiting("a tenant is chosen where all may be seen", { at: "/" }, async (page) => {
  await house.record({ id: "evt_acme", tenant: "acme", action: "lamp.lit", actor: { type: "user", id: "u" }, targets: [{ type: "lamp", id: "1" }] });
  await page.reload();
  await page.getByRole("combobox", { name: "Tenant" }).selectOption("acme");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("tenant") === "acme");
  await page.getByText("One entry", { exact: true }).waitFor();
  await page.getByRole("combobox", { name: "Tenant" }).selectOption("_deedbook");
  await rows(page).filter({ hasText: "audit" }).first().waitFor();
  await page.getByRole("combobox", { name: "Tenant" }).selectOption("");
  await page.waitForFunction(() => location.search === "");
});

visiting("a view that is entered while figures are asked for is not in them", { at: "/" }, async (page) => {
  await house.record({ id: "evt_lamp", tenant: "early", action: "lamp.lit", actor: { type: "user", id: "u" }, targets: [{ type: "lamp", id: "1" }] });
  const views = "/v1/events/count?tenant=early&q=action%3Aaudit.viewed";
  let first = true;
  await page.route((address) => address.pathname === "/v1/events/count" && address.searchParams.get("q") === "action:audit.viewed", async (route) => {
    if (!first) return route.continue();
    first = false;
    // As if it had been asked before the view was entered, and what follows after.
    while ((await house.call("GET", views)).count === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await route.fulfill({ json: { count: 0 } });
  });
  await page.goto(`${house.address}/?tenant=early`);
  await page.getByText("One entry", { exact: true }).waitFor();
});

visiting("all of it is there in German, 360 wide", { at: "/settings", size: [360, 640] }, async (page) => {
  await page.evaluate(() => localStorage.setItem("deedbook-locale", "de"));
  for (const place of ["/settings?all=1", "/settings/retention", "/settings/holds?all=1", "/settings/erasures", "/"]) {
    await page.goto(house.address + place);
    if (place !== "/") await page.getByRole("heading", { name: "Einstellungen" }).waitFor();
    await settled(page);
    assert.equal(await isTooWide(page), false, place);
  }
  await page.goto(`${house.address}/settings/erasures`);
  await page.getByRole("button", { name: "Person löschen" }).click();
  assert.equal(await isTooWide(page), false, "asking for an erasure");
});

test("the demo prints a link that lets in once", { timeout: 60_000 }, async () => {
  const data = path.join(OUTPUT, "log-demo");
  fs.rmSync(data, { recursive: true, force: true });
  const trail = path.join(ROOT, "crates/deedbook-cli/tests/fixtures/cloudtrail.ndjson");
  const demo = spawn(BINARY, ["--data", data, "demo", "--cloudtrail", trail, "--listen=127.0.0.1:0", "--log=warn"], { cwd: "/", stdio: ["ignore", "pipe", "inherit"] });
  try {
    const link = await new Promise((resolve, reject) => {
      let text = "";
      demo.stdout.on("data", (bytes) => {
        text += bytes;
        const found = text.match(/http:\S+\/auth\/enter\?code=\w+\n/);
        if (found) resolve(new URL(found[0].trim()));
      });
      demo.once("exit", () => reject(new Error(`it ended: ${text}`)));
    });
    const there = { ...house, address: link.origin };
    const entrance = link.pathname + link.search;
    const page = await visit(there, entrance, { signedIn: false });
    await rows(page).first().waitFor();
    assert.equal(new URL(page.url()).pathname, "/");
    await page.getByRole("navigation").getByRole("link", { name: "Settings" }).waitFor();
    await page.goto(link.href);
    await page.getByRole("heading", { name: "This link was used already" }).waitFor();
    await page.getByRole("link", { name: "Back to the log" }).click();
    await rows(page).first().waitFor();
    await page.leave();
    const other = await visit(there, entrance, { signedIn: false });
    await other.getByText("This link was used already, or is too old").waitFor();
    await other.getByLabel("Token").waitFor();
    await other.leave();
  } finally {
    demo.kill("SIGKILL");
  }
});

/** What may not be in any shadow root: what only a payload would have put there. */
const FOREIGN = "script, iframe, object, embed, base, meta, form[action*=evil], b b, video, math, body, [onerror], [onload], [href^='javascript' i], [href^='data' i]";

for (const size of [[1440, 900], [360, 640]]) {
  visiting(`hostile names and reasons stay texts, ${size[0]} wide`, { at: "/settings", size }, async (page) => {
    const texts = PAYLOADS.filter((text) => text.trim() && new TextEncoder().encode(text).length <= 256);
    if (size[0] > 360) {
      for (const [index, text] of texts.entries()) {
        await call("POST", "/v1/tokens", { kind: "write", name: text, reason: text });
        await call("POST", "/v1/searches", { name: text, query: "x" });
        if (index % 5 === 0) await call("POST", "/v1/holds", { tenant: "other", reason: text, target: text });
      }
      const several = texts.filter((text) => /^[ -~]+$/.test(text)).join(" ").slice(0, 900);
      await call("PUT", "/v1/retention", { rules: [{ tenant: "other", keep: "90d" }], reason: several });
      await call("POST", "/v1/erasures", { principal: "user:eve", basis: several, mentions: "keep" });
    }
    for (const place of ["/settings", "/settings/holds", "/settings/retention", "/settings/erasures"]) {
      await page.goto(house.address + place);
      await page.locator(".things > li, .rule").first().waitFor();
      assert.deepEqual(await harm(page), []);
      assert.equal(await isTooWide(page), false, place);
      await page.screenshot({ path: path.join(OUTPUT, `hostile${place.replaceAll("/", "-")}-${size[0]}.png`) });
    }
    await page.goto(house.address);
    await page.getByRole("button", { name: "Saved searches" }).click();
    await page.locator("deedbook-searches li").nth(10).waitFor();
    assert.deepEqual(await harm(page), []);
    assert.equal(await isTooWide(page), false, "searches");
  });
}

function harm(page) {
  return page.evaluate((foreign) => {
    const found = [];
    const look = (root) => {
      found.push(...[...root.querySelectorAll(foreign)].map((element) => element.outerHTML.slice(0, 200)));
      for (const element of root.querySelectorAll("*")) if (element.shadowRoot) look(element.shadowRoot);
    };
    look(document.querySelector("deedbook-app").shadowRoot);
    if (window.hostile) found.push("a payload ran");
    return found;
  }, FOREIGN);
}
