// Every page in both themes: axe-core finds nothing in it, and its picture is kept.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before } from "node:test";

import { box, furnished, rows, visiting } from "./driving.mjs";
import { OUTPUT, settled, violations } from "./house.mjs";

let house;

before(async () => { house = await furnished("pictures"); });
after(() => house.close());

const PICTURES = [
  ["sign-in", "/", { signedIn: false }, async (page) => page.getByLabel("Token").waitFor()],
  ["log", "/?q=service%3Abilling", {}, async (page) => rows(page).first().waitFor()],
  ["log-entry", "/?q=invoice", {}, async (page) => {
    await rows(page).filter({ hasText: "contract-bot" }).first().locator(".opener").click();
    await page.getByRole("complementary", { name: "Entry" }).waitFor();
  }],
  ["log-narrowed", "/?q=-outcome%3Asuccess", {}, async (page) => rows(page).first().waitFor()],
  ["log-completion", "/", {}, async (page) => {
    await box(page).focus();
    await page.keyboard.type("action:invoice.");
    await page.locator("deedbook-search").getByRole("option").first().waitFor();
  }],
  ["log-wrong", "/?q=actoin%3Ax", {}, async (page) => page.getByText("did you mean").waitFor()],
  ["log-none", "/?q=nothing-like-this", {}, async (page) => page.getByRole("heading", { name: "No entry matches" }).waitFor()],
  ["log-help", "/", {}, async (page) => {
    await rows(page).first().waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
  }],
  ["log-phone", "/?q=invoice", { size: [390, 844] }, async (page) => rows(page).first().waitFor()],
  ["object", "/object?target=invoice%3A3", {}, async (page) => page.getByRole("slider").waitFor()],
  ["object-compared", "/object?target=invoice%3A3", {}, async (page) => {
    await page.getByRole("button", { name: "Compare two versions" }).click();
    await page.locator("td del").first().waitFor();
  }],
  ["person", "/person?id=user%3Aada", {}, async (page) => rows(page).first().waitFor()],
  ["overview", "/overview", {}, async (page) => page.getByRole("heading", { name: "Most frequent actions" }).waitFor()],
  ["object-phone", "/object?target=invoice%3A3", { size: [390, 844] }, async (page) => page.getByRole("slider").waitFor()],
  ["entry", "/?q=action%3Ainvoice.corrected", {}, async (page) => {
    await rows(page).first().click({ position: { x: 700, y: 10 } });
    await page.getByRole("link", { name: "Open on its own page" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
  }],
];

for (const theme of ["light", "dark"]) {
  for (const [name, place, options, arrive] of PICTURES) {
    visiting(() => house, `axe finds nothing: ${name}, ${theme}`, { ...options, at: place, theme }, async (page) => {
      await arrive(page);
      await settled(page);
      await page.screenshot({ path: path.join(OUTPUT, `${name}-${theme}.png`) });
      assert.deepEqual(await violations(page), []);
    });
  }
}
