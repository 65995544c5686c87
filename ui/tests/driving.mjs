// What every test of a page does: a page of its own with a picture where it fails, and the places one looks at.

import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { company } from "./history.mjs";
import { open, OUTPUT, ROOT, visit } from "./house.mjs";

/** A house with the history of this repository, real or made-up records of CloudTrail, and a small company. */
export function furnished(name) {
  return open(name, (run) => {
    if (fs.existsSync(path.join(ROOT, ".git"))) run("import", "git", ROOT);
    run("import", "cloudtrail", process.env.DEEDBOOK_CLOUDTRAIL ?? path.join(ROOT, "crates/deedbook-cli/tests/fixtures/cloudtrail.ndjson"));
    const file = path.join(OUTPUT, `${name}.ndjson`);
    fs.writeFileSync(file, company().map((event) => JSON.stringify(event)).join("\n"));
    run("import", "ndjson", file);
  });
}

/** A test with a page of its own in the house that `where` gives. */
export function visiting(where, name, options, act) {
  test(name, { timeout: 60_000 }, async () => {
    const page = await visit(where(), options.at ?? "/", options);
    try {
      await act(page);
    } catch (error) {
      await page.screenshot({ path: path.join(OUTPUT, `failed-${name.replace(/\W+/g, "-")}.png`) });
      throw error;
    }
    await page.leave();
  });
}

/** The entries of the list. */
export const rows = (page) => page.locator("deedbook-feed article[data-id]");
/** How many entries match, in words. */
export const count = (page) => page.locator("deedbook-log [part=count]");
/** The search box. */
export const box = (page) => page.getByRole("combobox", { name: "Search the log" });
/** The query of the address. */
export const query = (page) => new URL(page.url()).searchParams.get("q");

export async function search(page, text) {
  await box(page).fill(text);
  await page.keyboard.press("Enter");
}
