// What can be said of the files without a browser: that those of others are unchanged, how much is loaded, that no text
// is missing in a language, and what queries become when they are edited.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { bars } from "../lib/days.js";
import { hasTerm, pieces, quoted, rangeOf, toggleTerm, withoutViews, withRange, withTerm } from "../lib/query.js";
import { de } from "../texts/de.js";
import { en } from "../texts/en.js";
import { de as pagesDe } from "../texts/pages-de.js";
import { en as pagesEn } from "../texts/pages-en.js";

Object.assign(de, pagesDe);
Object.assign(en, pagesEn);

const UI = fileURLToPath(new URL("..", import.meta.url));
const MODULES = process.env.DEEDBOOK_NODE_MODULES ?? "";
const VENDORED = { "vendor/lit-html": "lit-html", "vendor/reactive-element": "@lit/reactive-element" };

/** Every file below a folder. */
const files = (folder) => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
const read = (file) => fs.readFileSync(file, "utf8");

test("files of others are those of their packages", () => {
  const told = read(path.join(UI, "vendor/README.md"));
  for (const [folder, name] of Object.entries(VENDORED)) {
    const source = path.join(MODULES, name);
    for (const file of files(path.join(UI, folder))) {
      const original = path.join(source, path.relative(path.join(UI, folder), file));
      assert.ok(fs.readFileSync(file).equals(fs.readFileSync(original)), `${file} is not ${original}`);
    }
    const { version, license } = JSON.parse(read(path.join(source, "package.json")));
    assert.ok(told.includes(`\`${name}\``) && told.includes(`| ${version} | ${license} |`), `vendor/README.md does not tell ${name} ${version}, ${license}`);
  }
});

/** A script and all that it loads. */
function loaded(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, name] of read(file).matchAll(/(?:\bfrom|^import)\s*["'](\.[^"']+)["']/gm)) loaded(path.resolve(path.dirname(file), name), found);
  return found;
}

/** Kilobytes of what a browser loads, each file compressed as the server sends it. */
function size(entry) {
  const scripts = [...loaded(path.join(UI, entry))];
  const bytes = scripts.reduce((sum, file) => sum + gzipSync(fs.readFileSync(file), { level: 9 }).length, 0);
  console.log(`${entry}: ${scripts.length} scripts, ${(bytes / 1000).toFixed(1)} KB compressed`);
  return bytes / 1000;
}

test("the component is small", () => assert.ok(size("log.js") <= 60));
test("the pages are small", () => assert.ok(size("page/app.js") <= 130));

test("every text is in every language, and every text is used", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  const scripts = files(UI).filter((file) => file.endsWith(".js") && !/\/(vendor|tests|texts)\//.test(file)).map(read).join("\n");
  const isUsed = (key) => scripts.includes(`"${key}"`) || scripts.includes(`"${key.replace(/\.(one|other)$/, "")}"`);
  const isComposed = (key) => [...scripts.matchAll(/`([a-z.]+\.)\$\{/g)].some(([, start]) => key.startsWith(start));
  assert.deepEqual(Object.keys(en).filter((key) => !isUsed(key) && !isComposed(key)), []);
  const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) assert.deepEqual(places(de[key]), places(en[key]), key);
});

test("a query falls into pieces without a loss", () => {
  for (const [text, kinds] of [
    ["action:user.* -actor.type:system", "field value space field value"],
    ['a OR "b c"* (d)', "text space operator space text space paren text paren"],
    ["outcome:(denied,failure) x", "field value space text"],
    ['meta."a.b".c:>=1 actor:user:ada', "field value space field value"],
    ["occurred:>=2026-09-20T00:00Z", "field value"],
    ['actor:"a \\" b', "field value"],
    ["", ""],
  ]) {
    const found = pieces(text);
    assert.equal(found.map((piece) => piece.text).join(""), text);
    assert.equal(found.map(({ kind }) => kind).join(" "), kinds, text);
  }
});

test("terms are added and taken away", () => {
  assert.equal(withTerm("", "a:b"), "a:b");
  assert.equal(withTerm("x", "a:b"), "x a:b");
  assert.equal(withTerm("x OR y", "a:b"), "(x OR y) a:b");
  assert.equal(withTerm("x a:b", "a:b"), "x a:b");
  assert.equal(toggleTerm('x  "y  z" a:b', "a:b"), 'x  "y  z"');
  assert.equal(toggleTerm("(a:b c) d", "a:b"), "(a:b c) d a:b");
  assert.equal(hasTerm("-a:b", "a:b"), false);
  assert.equal(hasTerm("a:b OR c", "a:b"), false);
});

test("values are quoted where they must be", () => {
  for (const [value, expected] of [
    ["user:ada", "user:ada"], ["Straße", "Straße"], ["a b", '"a b"'], ['a"b\\', '"a\\"b\\\\"'], ["", '""'], ["a*", '"a*"'], ["1..2", '"1..2"'],
    [">=1", '">=1"'], ["(a)", '"(a)"'], ["a,b", '"a,b"'], ["-a", '"-a"'], ["arn:aws:iam::1:user/x", "arn:aws:iam::1:user/x"],
  ]) assert.equal(quoted(value), expected);
});

test("a range of time is written, read and replaced", () => {
  const range = { from: Date.parse("2026-09-20T00:00Z"), until: Date.parse("2026-09-23T00:00Z") };
  const query = withRange("x", range);
  assert.equal(query, "x occurred:>=2026-09-20T00:00Z occurred:<2026-09-23T00:00Z");
  assert.deepEqual(rangeOf(query), range);
  const hours = { from: Date.parse("2026-12-31T22:00Z"), until: Date.parse("2027-01-01T01:30Z") };
  assert.deepEqual(rangeOf(withRange(query, hours)), hours);
  assert.equal(rangeOf("x"), null);
  assert.equal(rangeOf("occurred:>=2026-09-20T00:00Z"), null);
  assert.equal(rangeOf("occurred:>=2026-09-21T00:00Z occurred:<2026-09-20T00:00Z"), null);
});

test("bars are hours, days, weeks or months, empty ones too", () => {
  const told = (buckets, range = null) => {
    const { unit, bars: shown } = bars(buckets, range);
    return [unit, shown.map(({ from, count }) => `${new Date(from).toISOString().slice(0, 16)} ${count}`)];
  };
  assert.deepEqual(told([]), ["day", []]);
  assert.deepEqual(told([{ day: "2026-09-20", count: 2 }, { day: "2026-09-22", count: 1 }]), ["day", ["2026-09-20T00:00 2", "2026-09-21T00:00 0", "2026-09-22T00:00 1"]]);
  // In Kathmandu hours begin a quarter of an hour after those of UTC.
  const hours = [{ hour: "2026-09-20T09:00:00+05:45", count: 3 }, { hour: "2026-09-20T11:00:00+05:45", count: 1 }];
  const [unit, day] = told(hours);
  assert.deepEqual([unit, day.length, day[0], day.slice(-3)], ["hour", 24, "2026-09-19T06:15 0", ["2026-09-20T03:15 3", "2026-09-20T04:15 0", "2026-09-20T05:15 1"]]);
  const part = { from: Date.parse("2026-09-20T03:30Z"), until: Date.parse("2026-09-20T05:00Z") };
  assert.deepEqual(told(hours.slice(0, 1), part), ["hour", ["2026-09-20T03:30 3", "2026-09-20T04:30 0"]]);
  assert.deepEqual(told([{ day: "2025-01-01", count: 1 }, { day: "2026-01-01", count: 1 }])[0], "week");
  assert.deepEqual(told([{ day: "2020-02-15", count: 1 }, { day: "2026-01-01", count: 1 }])[1].slice(0, 2), ["2020-02-15T00:00 1", "2020-03-01T00:00 0"]);
});

test("views of the log are left out of what does not name them", () => {
  for (const [query, asked] of [
    ["", "-action:audit.viewed"],
    ["x OR y", "-action:audit.viewed (x OR y)"],
    ["action:audit.*", "action:audit.*"],
    ["category:access", "category:access"],
    // A query that is wrong stays as wrong as it is.
    ["a) OR (b", "a) OR (b"],
  ]) assert.equal(withoutViews(query), asked);
});
