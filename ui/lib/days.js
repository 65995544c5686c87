// Days in UTC as the API counts them → the bars of a histogram: days, weeks or months, those without entries too.

const DAY_MS = 86400000;
const BARS_MAX = 100;

/** @typedef {"day" | "week" | "month"} Unit */
/** @typedef {{ first: string, last: string, count: number }} Bar days of one bar, both included */

/** @param {string} day */
const instant = (day) => new Date(`${day}T00:00:00Z`).getTime();
/** @param {number} ms */
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

/** @param {import("../types.js").Bucket[]} buckets by day
 * @param {{ first: string, last: string } | null} range the days to show; those of the entries where absent
 * @returns {{ unit: Unit, bars: Bar[] }} */
export function bars(buckets, range) {
  const first = range?.first ?? buckets[0]?.day;
  const last = range?.last ?? buckets.at(-1)?.day;
  if (!first || !last) return { unit: "day", bars: [] };
  const days = (instant(last) - instant(first)) / DAY_MS + 1;
  /** @type {Unit} */
  const unit = days <= BARS_MAX ? "day" : days <= BARS_MAX * 7 ? "week" : "month";
  /** @type {Bar[]} */
  const bars = [];
  for (let begin = first; begin <= last; begin = next(begin, unit)) {
    const end = dayOf(instant(next(begin, unit)) - DAY_MS);
    bars.push({ first: begin, last: end < last ? end : last, count: 0 });
  }
  let index = 0;
  for (const { day, count } of buckets) {
    while (index < bars.length - 1 && day > bars[index].last) index += 1;
    if (day >= bars[index].first && day <= bars[index].last) bars[index].count += count;
  }
  return { unit, bars };
}

/** The day on which the next bar begins.
 * @param {string} day
 * @param {Unit} unit */
function next(day, unit) {
  const date = new Date(instant(day));
  if (unit === "month") return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
  return dayOf(date.getTime() + (unit === "week" ? 7 : 1) * DAY_MS);
}
