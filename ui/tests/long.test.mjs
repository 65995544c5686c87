// A long log: how soon the first results are on the screen, and that scrolling on does not fill the memory.
//
// `DEEDBOOK_PAGES_LOG=/directory` measures on a log that is there, of any length, instead of one of 20,000 entries.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { box, rows, search } from "./driving.mjs";
import { open, OUTPUT, TOKEN, visit } from "./house.mjs";

const OWN = process.env.DEEDBOOK_PAGES_LOG;
const ENTRIES = 20_000;
/** How often each question is asked. */
const TURNS = OWN ? 7 : 3;
/** From Enter to the first page of results. The log of the tests stands on whatever machine runs them, beside other tests. */
const FIRST_RESULTS_MS = OWN ? 300 : 2_000;
/** How much more the scripts may hold after 10,000 results than after 1,000. */
const GROWTH_BYTES = 1_500_000;

let house;

before(async () => {
  house = await open(OWN ? path.resolve(OWN) : "twenty-thousand", OWN ? undefined : (run) => {
    const events = Array.from({ length: ENTRIES }, (_, number) => JSON.stringify({
      id: `evt_${number}`, action: ["meter.read", "meter.reset", "meter.moved"][number % 3], actor: { type: "service", id: `reader_${number % 40}`, name: `Reader ${number % 40}` },
      targets: [{ type: "meter", id: String(number % 900), name: `Meter ${number % 900}` }], outcome: number % 17 ? "success" : "denied",
      changes: [{ path: "/kilowatt_hours", from: number, to: number + 1 }], metadata: { firmware: `7.${number % 11}`, signal: number % 100 },
    }));
    const file = path.join(OUTPUT, "twenty-thousand.ndjson");
    fs.writeFileSync(file, events.join("\n"));
    run("import", "ndjson", file);
  });
});
after(() => house?.close());

/** Milliseconds from Enter until the first page of this query is painted. */
async function untilShown(page, query) {
  await box(page).fill(query);
  await page.evaluate((query) => { window.shown = new Promise((resolve) => {
    const feed = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log").shadowRoot.querySelector("deedbook-feed");
    addEventListener("keydown", () => {
      const begun = performance.now();
      const look = () => {
        const isThere = feed.query === query && feed.sheets.length > 0 && feed.shadowRoot.querySelector("article");
        // What is drawn in this frame is on the screen when the next one begins.
        requestAnimationFrame(() => (isThere ? resolve(performance.now() - begun) : look()));
      };
      look();
    }, { once: true, capture: true });
  }); }, query);
  await page.keyboard.press("Enter");
  return page.evaluate(() => window.shown);
}

/** Until the list of the page stands, whatever its figures still wait for. */
function shown(page) {
  return page.waitForFunction(() => {
    const feed = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log").shadowRoot.querySelector("deedbook-feed");
    return feed.query === "id:nothing" && !feed.isLoading && !feed.failure;
  });
}

/** The newest entry: what is asked for is in the log. */
async function newest() {
  const answer = await fetch(`${house.address}/v1/events?limit=1`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return (await answer.json()).data[0];
}

test("the first results are there soon after Enter", { timeout: 600_000 }, async () => {
  const { action, actor: { type, id }, targets: [thing], occurred_at, recorded_at } = await newest();
  const day = (occurred_at ?? recorded_at).slice(0, 10);
  const [actor, target] = [`${type}:${id}`, `${thing.type}:${thing.id}`];
  const page = await visit(house, "/");
  await rows(page).first().waitFor();
  const figures = [];
  const further = OWN ? ["outcome:denied", `target:"${target}"`, "-outcome:success", action.split(".")[0], `occurred:>=${day}`, `actor:"${actor}" -action:${action}`] : [];
  for (const query of [`action:${action}`, `actor:"${actor}"`, ...further, ""]) {
    const times = [];
    for (let turn = 0; turn < TURNS; turn += 1) {
      await search(page, "id:nothing");
      await shown(page);
      times.push(await untilShown(page, query));
    }
    times.sort((a, b) => a - b);
    figures.push({ query, median: Math.round(times[Math.floor(TURNS / 2)]), slowest: Math.round(times[TURNS - 1]) });
    console.log(`${query || "everything"}: ${figures.at(-1).median} ms, at most ${figures.at(-1).slowest} ms`);
  }
  assert.deepEqual(figures.filter(({ median }) => median > FIRST_RESULTS_MS), []);
  await page.leave();
});

test("scrolling through ten thousand results keeps the memory flat", { timeout: 300_000 }, async () => {
  const page = await visit(house, "/");
  await rows(page).first().waitFor();
  const session = await page.context().newCDPSession(page);
  /** Bytes that the scripts hold once nothing is left to collect. */
  const held = async () => {
    await page.waitForFunction(() => !document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log").shadowRoot.querySelector("deedbook-feed").isLoading);
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
  const scroll = (results) => page.evaluate(async (results) => {
    const log = document.querySelector("deedbook-app").shadowRoot.querySelector("deedbook-log");
    const feed = log.shadowRoot.querySelector("deedbook-feed");
    const seen = () => feed.sheets.reduce((sum, { size }) => sum + size, 0);
    while (seen() < results && feed.hasMore) {
      log.scrollTo({ top: log.scrollHeight });
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return { seen: seen(), articles: feed.shadowRoot.querySelectorAll("article").length };
  }, results);
  assert.ok((await scroll(1_000)).seen >= 1_000);
  const before = await held();
  const { seen, articles } = await scroll(10_000);
  assert.ok(seen >= 10_000, `${seen} results came by`);
  assert.ok(articles <= 400, `${articles} lines are held at once`);
  const after = await held();
  console.log(`${(before / 1e6).toFixed(1)} MB after 1,000 results, ${(after / 1e6).toFixed(1)} MB after ${seen}`);
  assert.ok(after - before <= GROWTH_BYTES, `${before} bytes became ${after}`);
  await page.leave();
});
