// Every page, driven as a person drives it, on the real server.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { box, count, furnished, query, rows, search, visiting as visitingIn } from "./driving.mjs";
import { isTooWide, open, OUTPUT, settled, TOKEN, visit } from "./house.mjs";

let house;

before(async () => { house = await furnished("pages"); });
after(() => house.close());

const visiting = (...test) => visitingIn(() => house, ...test);

visiting("one signs in with a token, and out again", { signedIn: false, at: "/?q=outcome%3Adenied" }, async (page) => {
  await page.getByLabel("Token").fill("deed_read_wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("not known here").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await rows(page).first().waitFor();
  assert.equal(query(page), "outcome:denied", "the address survives signing in");
  assert.equal(await page.evaluate(() => document.cookie + Object.values(localStorage).join()), "", "no script can read the session");
  await page.reload();
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await page.reload();
  await page.getByLabel("Token").waitFor();
});

visiting("a query narrows the log and has an address", {}, async (page) => {
  await rows(page).first().waitFor();
  await search(page, "action:invoice.approved outcome:success");
  await page.waitForFunction(() => /q=action/.test(location.search));
  await settled(page);
  const texts = await rows(page).allTextContents();
  assert.ok(texts.length > 3 && texts.every((text) => text.includes("approved")), texts[0]);
  await page.goBack();
  await page.waitForFunction(() => location.search === "");
  assert.equal(await box(page).inputValue(), "");
});

visiting("a wrong query is marked where it is wrong", {}, async (page) => {
  await search(page, "outcome:denied actoin:x");
  await page.getByRole("alert").getByText('did you mean "action"').waitFor();
  assert.equal(await page.locator("deedbook-search .here").textContent(), "actoin:");
  assert.equal(await box(page).getAttribute("aria-invalid"), "true");
  await page.getByText("This query cannot be read").waitFor();
});

visiting("fields and values are completed", {}, async (page) => {
  await box(page).focus();
  await page.keyboard.type("outc");
  await page.getByRole("option", { name: "outcome:" }).waitFor();
  await page.keyboard.press("Tab");
  await page.getByRole("option", { name: "denied" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  assert.equal(await box(page).inputValue(), "outcome:denied ");
  await page.keyboard.type("action:invoice.a");
  await page.getByRole("option", { name: "invoice.approved" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.search.includes("invoice.approved"));
  assert.equal(query(page), "outcome:denied action:invoice.approved");
});

visiting("a facet narrows, and widens again", {}, async (page) => {
  const denied = page.locator("deedbook-facets").getByRole("button", { name: /^denied/ });
  await denied.click();
  await page.waitForFunction(() => location.search.includes("denied"));
  await page.locator("deedbook-facets [aria-pressed=true]").waitFor();
  assert.equal(query(page), "outcome:denied");
  await denied.click();
  await page.waitForFunction(() => location.search === "");
});

visiting("the histogram is brushed by the pointer and by keys", { at: "/?q=action%3Auser.signed_in" }, async (page) => {
  const plot = page.locator("deedbook-histogram svg");
  const whole = Number((await count(page).filter({ hasText: /\d/ }).textContent()).match(/\d+/)[0]);
  const { x, y, width } = await plot.boundingBox();
  await page.mouse.move(x + width * 0.4, y + 20);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.9, y + 20, { steps: 5 });
  await page.mouse.up();
  await page.waitForFunction(() => /occurred/.test(location.search));
  await page.getByRole("button", { name: "Whole time" }).waitFor();
  await settled(page);
  const brushed = Number((await count(page).textContent()).match(/\d+/)[0]);
  assert.ok(brushed > 0 && brushed < whole, `${brushed} of ${whole}`);
  const before = query(page);
  await page.getByRole("slider", { name: "Beginning of the range" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction((before) => new URL(location.href).searchParams.get("q") !== before, before);
  await page.getByRole("button", { name: "Whole time" }).click();
  await page.waitForFunction(() => !/occurred/.test(location.search));
  assert.equal(query(page), "action:user.signed_in");
});

test("thousands of results scroll by, and few of them are held", { timeout: 90_000 }, async () => {
  const long = await open("long", (run) => {
    const events = Array.from({ length: 1500 }, (_, number) => ({ id: `evt_${number}`, action: "meter.read", actor: { type: "service", id: "reader" }, targets: [{ type: "meter", id: String(number) }] }));
    const file = path.join(OUTPUT, "long.ndjson");
    fs.writeFileSync(file, events.map((event) => JSON.stringify(event)).join("\n"));
    run("import", "ndjson", file);
  });
  const page = await visit(long, "/?q=action%3Ameter.read");
  await rows(page).first().waitFor();
  const first = await rows(page).first().getAttribute("data-id");
  const seen = new Set();
  let most = 0;
  for (let turn = 0; turn < 60 && seen.size < 1000; turn += 1) {
    const held = await page.evaluate(() => {
      const log = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log");
      log.scrollTo({ top: log.scrollHeight });
      return [...log.shadowRoot.querySelector("deedbook-feed").shadowRoot.querySelectorAll("article")].map(({ dataset }) => dataset.id);
    });
    for (const id of held) seen.add(id);
    most = Math.max(most, held.length);
    await settled(page);
  }
  assert.ok(seen.size >= 1000, `${seen.size} entries came by`);
  assert.ok(most <= 400, `${most} entries were held at once`);
  await page.evaluate(() => document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log").scrollTo({ top: 0 }));
  await page.locator(`deedbook-feed article[data-id="${first}"]`).waitFor();
  await page.leave();
  await long.close();
});

visiting("what matches is exported as a file", { at: "/?q=action%3Ainvoice.created" }, async (page) => {
  const link = page.getByRole("link", { name: "CSV" });
  const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const text = fs.readFileSync(await file.path(), "utf8");
  assert.equal(text.trim().split("\n").length, 25, "a head and 24 entries");
});

test("a tenant is one log of several", { timeout: 60_000 }, async () => {
  const several = await open("several");
  const event = (tenant, id) => ({ id, tenant, action: "lamp.lit", actor: { type: "user", id: `user_of_${tenant}`, name: tenant }, targets: [{ type: "lamp", id: "1", name: `Lamp of ${tenant}` }] });
  await several.record(event("acme", "evt_1"), event("umbrella", "evt_1"), event("acme", "evt_2"));
  const page = await visit(several, "/?tenant=acme&q=action%3Alamp.lit");
  await page.getByText("2 entries", { exact: true }).waitFor();
  let pages = 0;
  page.on("request", (request) => { pages += /\/v1\/events\?/.test(request.url()); });
  await rows(page).first().locator(".opener").click();
  const entry = page.getByRole("complementary", { name: "Entry" });
  await entry.waitFor();
  assert.equal(pages, 0, "opening an entry does not read the list anew");
  assert.match(page.url(), /tenant=acme/);
  await entry.getByRole("link", { name: "Lamp of acme" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Lamp of acme" }).waitFor();
  await page.goto(`${several.address}/?q=action%3Alamp.lit`);
  await page.getByText("3 entries", { exact: true }).waitFor();
  await rows(page).filter({ hasText: "umbrella" }).locator(".opener").click();
  await entry.getByText("Lamp of umbrella").first().waitFor();
  await page.leave();
  await several.close();
});

visiting("a transaction of many entries is one line that opens", { at: "/?q=source%20OR%20action%3Aprice.*" }, async (page) => {
  const line = page.getByRole("button", { name: /120 entries of one transaction|entries or more/ });
  await line.waitFor();
  assert.equal(await rows(page).count() < 20, true, "they are not listed one by one");
  await line.click();
  assert.equal(await line.getAttribute("aria-expanded"), "true");
  await page.getByRole("button", { name: "All of them in the log" }).click();
  await page.waitForFunction(() => location.search.includes("transaction_id"));
  await page.getByText("120 entries", { exact: true }).waitFor();
  assert.equal(await page.locator("deedbook-feed .group").count(), 0);
});

visiting("new entries come live, and pause", {}, async (page) => {
  await page.getByRole("button", { name: "Live", exact: true }).click();
  await page.getByText("New entries appear as they come").waitFor();
  const record = (id, name) => house.record({ id, action: "door.opened", actor: { type: "user", id: "porter", name }, targets: [{ type: "door", id: "1", name: "Front door" }] });
  await record("evt_live_1", "Ada the First");
  await rows(page).first().getByText("Ada the First").waitFor();
  await page.evaluate(() => document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log").scrollTo({ top: 900 }));
  await record("evt_live_2", "Ada the Second");
  await page.getByRole("button", { name: "One new entry" }).click();
  await rows(page).first().getByText("Ada the Second").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await record("evt_live_3", "Ada the Third");
  await page.getByRole("button", { name: "Live", exact: true }).click();
  await rows(page).first().getByText("Ada the Third").waitFor();
  assert.equal(await rows(page).getByText("Ada the Second").count(), 1, "nothing is shown twice");
});

visiting("an entry opens beside the log and on a page of its own", { at: "/?q=action%3Ainvoice.corrected" }, async (page) => {
  await rows(page).first().click({ position: { x: 700, y: 10 } });
  const entry = page.getByRole("complementary", { name: "Entry" });
  await entry.getByText("contract-bot").first().waitFor();
  for (const text of ["Please pay until ", "Monday", "Friday, or tell us why", "redacted", "agent:agent_1", "On behalf of", "203.0.113.", "0.93"]) {
    await entry.getByText(text).first().waitFor();
  }
  await entry.getByText("JSON", { exact: true }).click();
  await entry.getByRole("button", { name: "Copy" }).click();
  await entry.getByText("Copied").waitFor();
  assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).action, "invoice.corrected");
  await entry.getByRole("link", { name: "Open on its own page" }).click();
  await page.waitForURL(/\/entry\?id=/);
  await page.getByRole("heading", { level: 1 }).getByText("contract-bot").waitFor();
  await page.getByRole("button", { name: "Same actor" }).click();
  await page.waitForURL(/q=actor/);
  assert.equal(query(page), "actor:agent:agent_1");
  await rows(page).first().waitFor();
});

visiting("an entry that is not there says so", { at: "/entry?id=evt_nowhere" }, async (page) => {
  await page.getByRole("heading", { name: "There is no such entry" }).waitFor();
  await page.getByRole("link", { name: "Back to the log" }).click();
  await rows(page).first().waitFor();
});

visiting("an object is followed through time, and two versions are compared", { at: "/?q=action%3Ainvoice.corrected%20target%3Ainvoice%3A3" }, async (page) => {
  await rows(page).first().getByRole("link", { name: "Invoice 3" }).click();
  await page.getByRole("heading", { level: 1, name: "Invoice 3" }).waitFor();
  const field = (path) => page.getByRole("row").filter({ hasText: path });
  await field("/note").getByText("Please pay until Friday").waitFor();
  await field("/note").getByRole("link", { name: "contract-bot" }).waitFor();
  await field("/iban").getByText("redacted").waitFor();
  const slider = page.getByRole("slider", { name: "Version" });
  await slider.focus();
  await page.keyboard.press("Home");
  await field("/note").getByText("Please pay until Monday").waitFor();
  assert.equal(await field("/iban").count(), 0, "it was not there then");
  assert.match(await slider.getAttribute("aria-valuetext"), /invoice\.created/);
  assert.match(page.url(), /at=evt_/);
  await page.keyboard.press("End");
  await field("/note").getByText("Please pay until Friday").waitFor();
  await page.getByRole("button", { name: "Compare two versions" }).click();
  await page.getByRole("heading", { name: "What differs" }).waitFor();
  await page.getByRole("slider", { name: "From" }).focus();
  await page.keyboard.press("Home");
  await field("/address/city").locator("del", { hasText: "Paris" }).waitFor();
  await field("/address/city").locator("ins", { hasText: "Lyon" }).waitFor();
  await page.reload();
  await field("/address/city").locator("del", { hasText: "Paris" }).waitFor();
  await page.getByRole("button", { name: "Compare two versions" }).click();
  await page.getByRole("button", { name: "In the log" }).click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "target:invoice:3");
});

visiting("who changed a file last, and what was it before: three clicks", {}, async (page) => {
  await search(page, "target:invoice:6");
  await rows(page).first().getByRole("link", { name: "Invoice 6" }).click();
  await page.locator(".timeline li").first().getByRole("link").first().waitFor();
  await page.getByRole("button", { name: "Compare two versions" }).click();
  await page.locator("td del").first().waitFor();
});

visiting("an object nobody knows is said to be one", { at: "/object?target=invoice%3Anone" }, async (page) => {
  await page.getByRole("heading", { name: "No entry is about this object" }).waitFor();
});

visiting("a person is seen in every role", { at: "/?q=actor%3Auser%3Aada" }, async (page) => {
  await rows(page).first().getByRole("link", { name: "Ada Lovelace" }).click();
  await page.getByRole("heading", { level: 1, name: "Ada Lovelace" }).waitFor();
  const roles = page.getByRole("navigation", { name: "Role" });
  const number = async (name) => Number((await roles.getByRole("link", { name }).textContent()).match(/\d+/)[0]);
  assert.ok((await number(/^All/)) >= (await number(/^Done \d/)));
  await roles.getByRole("link", { name: /^Done to them/ }).click();
  await page.waitForURL(/role=target/);
  await rows(page).first().waitFor();
  await page.getByText("203.0.113.").first().waitFor();
  await rows(page).first().locator(".opener").click();
  await page.waitForURL(/\/entry/);
});

visiting("the overview counts, and leads to what it counted", { at: "/overview" }, async (page) => {
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  await page.getByRole("link", { name: "Whole log" }).click();
  await page.waitForURL(/range=all/);
  await settled(page);
  const denied = page.locator(".totals .denied a");
  const counted = Number((await denied.textContent()).replaceAll(",", ""));
  await denied.click();
  await page.waitForFunction(() => location.search.includes("denied"));
  await settled(page);
  assert.equal(Number((await count(page).textContent()).match(/\d+/)[0]), counted);
});

visiting("keys alone do everything", { signedIn: false }, async (page) => {
  const keys = page.keyboard;
  await page.getByLabel("Token").waitFor();
  await keys.type(TOKEN);
  await keys.press("Enter");
  await rows(page).first().waitFor();
  await keys.press("/");
  await keys.type("action:invoice.*");
  await keys.press("Enter");
  await page.waitForFunction(() => location.search.includes("invoice"));
  await settled(page);
  await keys.press("Escape");
  await keys.press("j");
  await keys.press("k");
  await keys.press("j");
  const id = await page.evaluate(() => {
    let active = document.activeElement;
    while (active.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
    return active.closest("article").dataset.id;
  });
  await keys.press("Enter");
  await page.waitForFunction((id) => new URL(location.href).searchParams.get("entry") === id, id);
  await page.getByRole("complementary", { name: "Entry" }).waitFor();
  await keys.press("j");
  await page.waitForFunction((id) => new URL(location.href).searchParams.get("entry") !== id, id);
  await keys.press("Escape");
  await page.getByRole("complementary", { name: "Entry" }).waitFor({ state: "detached" });
  await keys.press("t");
  await page.waitForFunction(() => location.search.includes("relative"));
  await keys.press("l");
  await page.getByText("New entries appear as they come").waitFor();
  await keys.press("l");
  await keys.press("?");
  await page.getByRole("dialog", { name: "Keyboard and query language" }).waitFor();
  await keys.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await keys.press("/");
  await box(page).fill("");
  await keys.type("transaction_id:tx_7781 OR action:price.*");
  await keys.press("Backspace");
  await box(page).fill("action:price.*");
  await keys.press("Enter");
  const group = page.locator("deedbook-feed .toggle").first();
  await group.waitFor();
  await keys.press("Escape");
  await keys.press("x");
  assert.equal(await group.getAttribute("aria-expanded"), "true");
});

test("the component stands in a page of somebody else, by its attributes alone", { timeout: 60_000 }, async () => {
  const page = await visit(house, "/embedded", { signedIn: false, async before(page) {
    const element = `<deedbook-log token="${TOKEN}" query="action:invoice.*" columns="where" locale="de-AT" theme="dark"></deedbook-log>`;
    const body = `<!doctype html><title>Product</title><style>deedbook-log { block-size: 30rem }</style><script type="module" src="/ui/log.js"></script>${element}<script>addEventListener("deedbook-state", (event) => { window.state = event.detail; });</script>`;
    await page.route("**/embedded", (route) => route.fulfill({ contentType: "text/html", body }));
  } });
  await rows(page).first().waitFor();
  await page.locator("deedbook-log [part=count]").getByText(/Einträge/).waitFor();
  assert.equal(await page.locator("deedbook-feed .action").count(), 0, "the column is not asked for");
  await rows(page).locator("button.name").first().click();
  await page.waitForFunction(() => window.state?.query.includes("actor:"));
  await rows(page).first().locator(".opener").click();
  await page.getByRole("complementary", { name: "Eintrag" }).waitFor();
  assert.equal((await page.locator("deedbook-log").boundingBox()).height, 480);
  await page.leave();
});

test("an empty log, no match, no server: each says what it is", { timeout: 60_000 }, async () => {
  const empty = await open("empty");
  const page = await visit(empty, "/");
  await page.getByRole("heading", { name: "Nothing has been recorded yet" }).waitFor();
  await search(page, "nothing-like-this");
  await page.getByRole("heading", { name: "No entry matches" }).waitFor();
  empty.stop();
  await search(page, "something");
  await page.getByRole("heading", { name: "The server does not answer" }).waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.leave();
  await empty.close();
});

visiting("a session that ends while somebody reads leads to the way in", {}, async (page) => {
  await rows(page).first().waitFor();
  await page.context().clearCookies();
  await search(page, "again");
  await page.getByLabel("Token").waitFor();
});

visiting("German is spoken throughout", { locale: "de-DE", signedIn: false }, async (page) => {
  await page.getByLabel("Schlüssel").fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Abmelden" }).waitFor();
  await page.getByText(/Einträge$/).first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
});

for (const [width, height] of [[320, 568], [360, 640], [768, 1024], [3840, 2160]]) {
  visiting(`nothing stands beside a page of ${width} by ${height}`, { size: [width, height] }, async (page) => {
    await rows(page).first().waitFor();
    await settled(page);
    assert.equal(await isTooWide(page), false);
    await rows(page).first().locator(".opener").click();
    await page.getByRole("complementary", { name: "Entry" }).waitFor();
    assert.equal(await isTooWide(page), false);
    for (const place of ["/overview", "/object?target=invoice%3A3", "/person?id=user%3Aada"]) {
      await page.goto(house.address + place);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await settled(page);
      assert.equal(await isTooWide(page), false, place);
    }
    await page.goto(house.address);
    await rows(page).first().waitFor();
    await settled(page);
    await page.screenshot({ path: path.join(OUTPUT, `wide-${width}.png`) });
  });
}

visiting("right to left, the page is its own mirror", { locale: "ar-EG" }, async (page) => {
  await rows(page).first().waitFor();
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).direction), "rtl");
  const [facets, list] = [await page.locator("deedbook-facets").boundingBox(), await page.locator("deedbook-feed").boundingBox()];
  assert.ok(facets.x > list.x, "the facets are at the right");
  assert.equal(await isTooWide(page), false);
  await page.screenshot({ path: path.join(OUTPUT, "right-to-left.png") });
});

visiting("where the list goes on in the archive, it says so once", { at: "/?q=-action:price.changed" }, async (page) => {
  const told = page.getByText("Partly archived from here on");
  const isFurther = (address) => address.pathname === "/v1/events" && address.searchParams.has("after");
  await page.route(isFurther, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), archived: true } });
  });
  await rows(page).first().waitFor();
  for (let pages = 0; pages < 3; pages += 1) {
    await page.evaluate(() => {
      const log = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log");
      log.scrollTo({ top: log.scrollHeight });
    });
    await told.waitFor();
    await settled(page);
  }
  assert.equal(await told.count(), 1);
  assert.equal(await told.evaluate((line) => line.closest("[data-sheet]").dataset.sheet), "1");
  await told.scrollIntoViewIfNeeded();
  await page.screenshot({ path: path.join(OUTPUT, "partly-archived.png") });
});

test("views of the log are left out, and shown to whoever wants them", { timeout: 60_000 }, async () => {
  const own = await open("views");
  await own.record({ id: "evt_1", tenant: "acme", action: "lamp.lit", actor: { type: "user", id: "ada" } });
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const made = await fetch(`${own.address}/v1/tokens`, { method: "POST", headers, body: '{"kind":"read","tenant":"acme"}' });
  const { token } = await made.json();
  const page = await visit(own, "/", { signedIn: false });
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await rows(page).getByText("lamp").first().waitFor();
  const views = async () => (await (await fetch(`${own.address}/v1/events/count?tenant=acme&q=action:audit.viewed`, { headers })).json()).count;
  while ((await views()) === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await page.reload();
  await page.getByText("One entry", { exact: true }).waitFor();
  const toggle = page.getByRole("button", { name: /views? of the log (is|are)/i });
  await toggle.waitFor();
  assert.equal(await rows(page).count(), 1);
  const audited = rows(page).locator(".action", { hasText: "audit.viewed" });
  await toggle.click();
  await page.waitForURL(/views=1/);
  await audited.first().waitFor();
  await page.reload();
  await audited.first().waitFor();
  assert.equal(await toggle.getAttribute("aria-pressed"), "true");
  await toggle.click();
  await page.waitForFunction(() => !location.search.includes("views"));
  await audited.first().waitFor({ state: "detached" });
  // Whoever names them sees them.
  await search(page, "action:audit.*");
  await audited.first().waitFor();
  assert.equal(await toggle.count(), 0);
  // A place in a query is told as it was typed, although more was asked.
  await search(page, "lamp OR actoin:x");
  await page.getByRole("alert").getByText('did you mean "action"').waitFor();
  assert.equal(await page.locator("deedbook-search .here").textContent(), "actoin:");
  await page.leave();
  await own.close();
});

visiting("the overview tells what the log takes on the disk, and hours where the time is short", { at: "/overview?range=-24h" }, async (page) => {
  await page.getByText("On the disk").waitFor();
  const figure = (name) => page.locator(".disk .card").filter({ hasText: name }).locator("dd").first().textContent();
  assert.match(await figure("On the disk"), /^\d[\d.,]* [kMG]?B$/);
  assert.match(await figure("One entry"), /^\d[\d.,]* (bytes|kB)$/);
  assert.match(await figure("Growth in a day"), /^\d[\d.,]* [kMG]?B$/);
  await page.locator("deedbook-histogram [role=img]").waitFor();
  assert.match(await page.locator("deedbook-histogram [role=img]").getAttribute("aria-label"), /^Entries by hour/);
  const beginning = page.getByRole("slider", { name: "Beginning of the range" });
  assert.match(await beginning.getAttribute("aria-valuetext"), /\d\d:\d\d/);
  await beginning.focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForURL(/occurred/);
  assert.match(query(page), /^occurred:>=\d{4}-\d\d-\d\dT\d\d:00Z occurred:<\d{4}-\d\d-\d\dT\d\d:00Z$/);
});

visiting("with colours of the reader's own, what is chosen is still seen", { forcedColors: "active", at: "/?q=outcome%3Adenied" }, async (page) => {
  await rows(page).first().waitFor();
  const frame = (locator) => locator.evaluate((element) => getComputedStyle(element).outlineStyle);
  const chosen = page.locator("deedbook-facets [aria-pressed=true]");
  await chosen.waitFor();
  assert.deepEqual([await frame(chosen), await frame(page.locator("deedbook-facets [aria-pressed=false]").first())], ["solid", "none"]);
  await rows(page).first().locator(".opener").click();
  await page.locator("deedbook-feed .current").waitFor();
  assert.deepEqual([await frame(page.locator("deedbook-feed .current")), await frame(rows(page).nth(1))], ["solid", "none"]);
  assert.deepEqual([await frame(page.getByRole("link", { name: "Log", exact: true })), await frame(page.getByRole("link", { name: "Overview" }))], ["solid", "none"]);
  // The text of the search box is drawn once.
  assert.equal(await page.locator("deedbook-search .mirror .value").evaluate((element) => getComputedStyle(element).color), "rgba(0, 0, 0, 0)");
  assert.notEqual(await box(page).evaluate((element) => getComputedStyle(element).color), "rgba(0, 0, 0, 0)");
  await settled(page);
  await page.screenshot({ path: path.join(OUTPUT, "forced-colours.png") });
});

for (const [reducedMotion, moves] of [["reduce", false], ["no-preference", true]]) {
  visiting(`something moves: ${moves}, as the reader has it (${reducedMotion})`, { reducedMotion, at: "/?q=transaction_id%3Atx_7781%20OR%20source&live=1" }, async (page) => {
    await rows(page).first().waitFor();
    const moving = await page.evaluate(() => {
      const found = [];
      const look = (root) => {
        for (const element of root.querySelectorAll("*")) {
          const { animationName, transitionDuration } = getComputedStyle(element);
          if (animationName !== "none" || parseFloat(transitionDuration) > 0) found.push(element.className || element.localName);
          if (element.shadowRoot) look(element.shadowRoot);
        }
      };
      look(document);
      return found;
    });
    assert.equal(moving.length > 0, moves, moving.join());
  });
}
