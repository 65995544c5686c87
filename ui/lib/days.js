// Hours, or days in UTC, as the API counts them → the bars of a histogram: hours, days, weeks or months, those without
// entries too. Bars begin and end at instants, in milliseconds.

const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;
const BARS_MAX = 100;

/** @typedef {"hour" | "day" | "week" | "month"} Unit */
/** @typedef {{ from: number, until: number }} Range `until` is not in it */
/** @typedef {Range & { count: number }} Bar */

/** When a bucket begins.
 * @param {import("../types.js").Bucket} bucket */
const begin = ({ hour, day }) => Date.parse(hour ?? `${day}T00:00Z`);

/** @param {import("../types.js").Bucket[]} buckets by hour or by day
 * @param {Range | null} range what is to be shown; the time of the entries where absent
 * @returns {{ unit: Unit, bars: Bar[] }} */
export function bars(buckets, range) {
  const isHourly = Boolean(buckets[0]?.hour);
  if (!range && buckets.length === 0) return { unit: "day", bars: [] };
  const until = range?.until ?? begin(buckets[buckets.length - 1]) + (isHourly ? HOUR_MS : DAY_MS);
  // Where all happened within an hour, it is seen that nothing did before.
  const from = range?.from ?? Math.min(begin(buckets[0]), isHourly ? until - DAY_MS : until);
  const days = (until - from) / DAY_MS;
  /** @type {Unit} */
  const unit = isHourly ? "hour" : days <= BARS_MAX ? "day" : days <= BARS_MAX * 7 ? "week" : "month";
  /** @type {Bar[]} */
  const bars = [];
  for (let start = from; start < until; start = bars[bars.length - 1].until) {
    bars.push({ from: start, until: Math.min(next(start, unit), until), count: 0 });
  }
  let index = 0;
  for (const bucket of buckets) {
    while (index < bars.length - 1 && begin(bucket) >= bars[index].until) index += 1;
    bars[index].count += bucket.count;
  }
  return { unit, bars };
}

/** When the bar after the one that begins at `start` does.
 * @param {number} start
 * @param {Unit} unit */
function next(start, unit) {
  if (unit === "hour") return start + HOUR_MS;
  const date = new Date(start);
  if (unit === "month") return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  return Math.floor(start / DAY_MS) * DAY_MS + (unit === "week" ? 7 : 1) * DAY_MS;
}
