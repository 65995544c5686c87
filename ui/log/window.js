// The pages of a list that has no end: which there are, which of them are held, and what of them goes together. Pages
// far from what is seen keep their height and their cursor, and are read again when they come near.

/** @typedef {import("../types.js").Entry} Entry */
/** @typedef {{ key: string | null, count: number }} Run entries next to each other that belong together */
/** @typedef {{ index: number, after: string | null, entries: Entry[] | null, height: number, runs: Run[], size: number }} Sheet */
/** @typedef {{ entry: Entry } | { group: string, entries: Entry[], count: number }} Item */

/** From so many on, entries of one transaction or correlation are one line. */
const GROUP_MIN = 3;

/** What an entry belongs to.
 * @param {Entry} entry */
function keyOf(entry) {
  if (entry.transaction_id) return `t:${entry.tenant}:${entry.transaction_id}`;
  return entry.correlation_id ? `c:${entry.tenant}:${entry.correlation_id}` : null;
}

/** @param {Entry[]} entries
 * @returns {Run[]} */
function runsOf(entries) {
  /** @type {Run[]} */
  const runs = [];
  for (const entry of entries) {
    const key = keyOf(entry);
    const last = runs.at(-1);
    if (last && last.key === key) last.count += 1;
    else runs.push({ key, count: 1 });
  }
  return runs;
}

/** @param {number} index
 * @param {string | null} after
 * @param {Entry[]} entries
 * @returns {Sheet} */
export function sheet(index, after, entries) {
  return { index, after, entries, height: 0, runs: runsOf(entries), size: entries.length };
}

/** The lines of each page. A group that goes on over further pages is one line, where it begins.
 * @param {Sheet[]} sheets
 * @param {boolean} isGrouped
 * @returns {Item[][]} */
export function lines(sheets, isGrouped) {
  /** @type {{ group: string, entries: Entry[], count: number } | null} */
  let open = null;
  return sheets.map((sheet, index) => {
    const entries = sheet.entries ?? [];
    if (!isGrouped) return entries.map((entry) => ({ entry }));
    /** @type {Item[]} */
    const items = [];
    let start = 0;
    for (const [place, run] of sheet.runs.entries()) {
      const members = entries.slice(start, start + run.count);
      start += run.count;
      if (run.key !== null && place === 0 && open?.group === run.key) {
        open.count += run.count;
        continue;
      }
      const goesOn = place === sheet.runs.length - 1 && sheets[index + 1]?.runs[0]?.key === run.key;
      if (run.key !== null && (run.count >= GROUP_MIN || goesOn)) {
        open = { group: run.key, entries: members, count: run.count };
        items.push(open);
      } else {
        open = null;
        for (const entry of members) items.push({ entry });
      }
    }
    return sheet.entries ? items : [];
  });
}

/** The term that finds all of a group.
 * @param {string} group
 * @returns {[field: string, value: string]} */
export function groupTerm(group) {
  const value = group.slice(group.indexOf(":", 2) + 1);
  return [group.startsWith("t:") ? "transaction_id" : "correlation_id", value];
}
