// Test 19: a hundred hostile texts in every field of an event, on every page. Nothing runs, nothing leaves its place.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";

import { hostileEvents, PAYLOADS } from "./hostile.mjs";
import { isTooWide, open, OUTPUT, settled, TOKEN, visit } from "./house.mjs";

const events = hostileEvents();
let house;

before(async () => {
  house = await open("hostile");
  for (const event of events) await house.record(event);
});
after(() => house.close());

/** What may not be in any shadow root: what only a payload would have put there. */
const FOREIGN = "script, iframe, object, embed, base, meta, form[action*=evil], link, b b, video, math, body, input[autofocus], svg [onload], [onerror], [onload], [href^='javascript' i], [href^='data' i]";

/** Elements below every shadow root that came from a payload; and whether one of them ran. */
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

test("there are a hundred", () => assert.ok(PAYLOADS.length >= 100, String(PAYLOADS.length)));

for (const size of [[1440, 900], [360, 640]]) {
  test(`the log holds, ${size[0]} wide`, { timeout: 120_000 }, async () => {
    const page = await visit(house, "/", { size });
    await page.locator("deedbook-feed article").first().waitFor();
    for (let turn = 0; turn < 8; turn += 1) {
      await settled(page);
      assert.deepEqual(await harm(page), []);
      assert.equal(await isTooWide(page), false, `${turn}`);
      await page.evaluate(() => {
        const log = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log");
        log.scrollBy({ top: log.clientHeight * 2 });
      });
    }
    await page.screenshot({ path: path.join(OUTPUT, `hostile-${size[0]}.png`) });
    await page.leave();
  });
}

test("each entry holds, beside the log and on its page", { timeout: 240_000 }, async () => {
  const page = await visit(house, "/");
  for (const index of PAYLOADS.keys()) {
    // One address after the other in one document, as links do it.
    for (const place of [`/?entry=evt_hostile_${index}`, `/entry?id=evt_hostile_${index}`]) {
      await page.evaluate((place) => document.querySelector("deedbook-app").go(place), place);
      await page.locator("deedbook-entry #sentence").waitFor({ state: "attached" });
      assert.ok((await page.locator("deedbook-entry section .name").first().textContent()).trim(), `${place}: a name can be seen`);
      await page.locator("deedbook-entry details").evaluateAll((all) => all.forEach((details) => { details.open = true; }));
      assert.deepEqual(await harm(page), [], `${place}: ${PAYLOADS[index]}`);
      assert.equal(await isTooWide(page), false, `${place}: ${PAYLOADS[index]}`);
    }
  }
  await page.leave();
});

test("objects and people hold", { timeout: 300_000 }, async () => {
  const page = await visit(house, "/");
  const places = PAYLOADS.flatMap((_, index) => {
    const { targets, actor } = events[index];
    return [`/object?${new URLSearchParams({ target: `document:${targets[0].id}` })}`, `/person?${new URLSearchParams({ id: `user:${actor.id}` })}`];
  });
  for (const place of [...places, "/object?target=document%3Ashared", "/overview?range=all"]) {
    await page.evaluate((place) => document.querySelector("deedbook-app").go(place), place);
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.deepEqual(await harm(page), [], place);
    assert.equal(await isTooWide(page), false, place);
  }
  await page.leave();
});

test("as queries, completions and addresses they are texts too", { timeout: 120_000 }, async () => {
  const page = await visit(house, "/");
  for (const payload of PAYLOADS) {
    await page.evaluate((place) => document.querySelector("deedbook-app").go(place), `/?${new URLSearchParams({ q: payload, entry: payload })}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    assert.deepEqual(await harm(page), [], payload);
  }
  await page.leave();
});

test("no cell of the CSV starts a formula", async () => {
  const answer = await fetch(`${house.address}/v1/events.csv`, { headers: { authorization: `Bearer ${TOKEN}` } });
  const cells = (await answer.text()).match(/(?<=^|,|\n)("(?:[^"]|"")*"|[^",\n]*)/g).map((cell) => cell.replace(/^"|"$/g, ""));
  assert.ok(cells.length > 1000);
  assert.deepEqual(cells.filter((cell) => /^[=+\-@\t\r]/.test(cell)), []);
});
