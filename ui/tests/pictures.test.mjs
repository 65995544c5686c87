// Every page in both themes: axe-core finds nothing in it, and its picture is kept.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before } from "node:test";

import { box, furnished, rows, visiting } from "./driving.mjs";
import { OUTPUT, settled, violations } from "./house.mjs";

let house;

before(async () => {
  house = await furnished("pictures");
  const make = (token) => house.call("POST", "/v1/tokens", { reason: "For the pictures", ...token });
  await make({ kind: "write", tenant: "acme", name: "Billing" });
  await make({ kind: "auditor", name: "Auditor of this year", expires_at: "2099-01-01T00:00:00Z" });
  await make({
    kind: "read", name: "Page of the customers", capabilities: ["view"], addresses: ["10.0.0.0/8"], fields: [{ path: "/actor/email", as: "mask" }, { path: "/context", as: "drop" }],
    scope: { audience: ["owners", "admins"], targets: ["invoice:3"], actions: ["invoice.*"], from: "2026-01-01T00:00:00Z" },
  });
  await house.call("POST", "/v1/erasures", { principal: "user:linus", basis: "GDPR Art. 17, ticket T-5", mentions: "erase" });
  await house.call("POST", "/v1/holds", { query: "action:invoice.*", target: "invoice:3", reason: "Case 4711, asked for by counsel" });
  await house.call("POST", "/v1/searches", { name: "Denied this week", query: "outcome:denied occurred:>=-7d" });
  await house.call("POST", "/v1/searches", { name: "Corrections by agents", query: "action:invoice.corrected actor.type:agent" });
});
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
  ["log-saved", "/?q=outcome%3Adenied", {}, async (page) => {
    await page.getByRole("button", { name: "Saved searches" }).click();
    await page.getByText("Denied this week").waitFor();
  }],
  ["settings-tokens", "/settings", {}, async (page) => page.getByRole("heading", { name: "Billing" }).waitFor()],
  ["settings-token-new", "/settings", {}, async (page) => {
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByText("Only a part of the entries").click();
    await page.getByText("Only a part of the values").click();
    await page.getByRole("button", { name: "Add a rule" }).click();
  }],
  ["settings-token-made", "/settings", {}, async (page) => {
    await page.getByRole("button", { name: "Rotate Billing" }).click();
    await page.getByLabel("Why?").fill("Each month");
    await page.getByRole("button", { name: "Rotate", exact: true }).last().click();
    await page.getByText("Copy its text now").waitFor();
  }],
  ["settings-tokens-phone", "/settings", { size: [360, 740] }, async (page) => page.getByRole("heading", { name: "Billing" }).waitFor()],
  ["settings-token-new-phone", "/settings", { size: [360, 740] }, async (page) => page.getByRole("button", { name: "Make a token" }).click()],
  ["settings-retention", "/settings/retention", {}, async (page) => {
    await page.getByRole("button", { name: "Show what would go" }).click();
    await page.getByRole("heading", { name: /would go now/ }).waitFor();
  }],
  ["settings-retention-phone", "/settings/retention", { size: [360, 740] }, async (page) => page.getByRole("group", { name: "Rule 1" }).waitFor()],
  ["settings-holds", "/settings/holds", {}, async (page) => page.getByText("Case 4711").waitFor()],
  ["settings-erasures", "/settings/erasures", {}, async (page) => {
    await page.getByRole("button", { name: "Erase a person" }).click();
    await page.locator("[name=principal]").fill("user:noor");
    await page.getByLabel("Why: the request, the law").fill("GDPR Art. 17, ticket T-6");
    await page.getByRole("button", { name: "Look what would be found" }).click();
    await page.getByRole("group", { name: "What would go of" }).waitFor();
  }],
  ["settings-rtl", "/settings", { locale: "ar-EG" }, async (page) => page.getByRole("heading", { name: "Billing" }).waitFor()],
  ["settings-refused", "/settings", { signedIn: false }, async (page) => {
    await page.getByLabel("Token").fill((await house.call("POST", "/v1/tokens", { kind: "read" })).token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "not for this token" }).waitFor();
  }],
  ["enter-used", "/auth/enter?code=used", { signedIn: false }, async (page) => page.getByText("This link was used already").waitFor()],
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
