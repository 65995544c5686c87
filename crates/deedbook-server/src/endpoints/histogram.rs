//! `GET /v1/events/histogram`: how many entries occurred in each hour, day, week or month of a time zone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use deedbook_core::query::{Bounds, Condition, Expression};
use deedbook_core::{GroupBy, Query, Result, Scope, Store, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Unit, Zoned, ZonedRound};
use serde_json::{Map, Value, json};

use super::count::total;
use super::question::Question;
use super::record;
use super::schema;
use crate::app::App;
use crate::parameters::Parameters;
use crate::problem::{Answer, Problem};
use crate::reading::{ReadKind, Reader};

/// Buckets that are counted one by one: 1,000, six weeks of hours.
const BUCKETS_MAX: usize = 1_000;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interval {
    Hour,
    Day,
    Week,
    Month,
}

const INTERVALS: [(&str, Interval); 4] =
    [("hour", Interval::Hour), ("day", Interval::Day), ("week", Interval::Week), ("month", Interval::Month)];

/// Count entries by hour, day, week or month.
///
/// Days, weeks (from Monday) and months begin where `tz` says; each bucket is named by its beginning. There are buckets
/// with entries only, and at most a thousand where they are not whole days of UTC.
#[utoipa::path(
    get, path = "/events/histogram", tag = "events", operation_id = "histogram_events",
    params(
        schema::QuestionParameters,
        ("interval" = Option<String>, Query, description = "`hour`, `day`, `week` or `month`; day"),
    ),
    responses((status = 200, description = "Each bucket that has entries", body = schema::Histogram), schema::Refusals),
)]
pub(crate) async fn histogram(State(app): State<Arc<App>>, reader: Reader, mut parameters: Parameters) -> Answer {
    let question = Question::take(&mut parameters, &reader.0)?;
    let interval = parameters.word("interval", &INTERVALS)?.unwrap_or(Interval::Day);
    parameters.finish(&["q", "tz", "tenant", "interval"])?;
    let (query, zone) = (question.query(app.now())?, question.zone());
    let scope = question.scope;
    let within = scope.clone();
    let work = move |store: &dyn Store| counted(store, &query, &scope, interval, &zone);
    let buckets = app.read(&reader, ReadKind::Count, &within, work).await?.ok_or_else(too_many)?;
    let bucket = |(start, count): &(String, u64)| {
        let named = (interval.as_str().to_owned(), json!(start));
        Value::Object(Map::from_iter([named, ("count".to_owned(), json!(count))]))
    };
    let body = json!({ "buckets": buckets.iter().map(bucket).collect::<Value>() });
    Ok(record::json(StatusCode::OK, body.to_string()))
}

fn too_many() -> Problem {
    let detail = "there are more than 1000 buckets; ask for a shorter time by `occurred:`, or for a longer interval";
    Problem::malformed("too_many_buckets", detail)
}

/// The buckets with entries, in order; `None` where there are too many.
fn counted(
    store: &dyn Store,
    query: &Query,
    scope: &Scope,
    interval: Interval,
    zone: &TimeZone,
) -> Result<Option<Vec<(String, u64)>>> {
    let days: BTreeMap<Date, u64> = store
        .count(query, scope, &[GroupBy::Day])?
        .iter()
        .filter_map(|day| Some((day.key.first()?.parse().ok()?, day.count)))
        .collect();
    if *zone == TimeZone::UTC && interval != Interval::Hour {
        return Ok(Some(summed(&days, interval)));
    }
    let mut starts = BTreeSet::new();
    for day in days.keys() {
        interval.cover(*day, zone, &mut starts);
        if starts.len() > BUCKETS_MAX {
            return Ok(None);
        }
    }
    let mut buckets = Vec::new();
    for start in starts {
        let until = interval.next(&start);
        let within = Bounds { from: Some(start.timestamp()), until: until.as_ref().map(Zoned::timestamp) };
        let parts = vec![query.expression().clone(), Expression::Is(Condition::Occurred(within))];
        let count = total(store, &Query::from_expression(Expression::And(parts)), scope)?;
        buckets.extend((count > 0).then(|| (interval.name(&start), count)));
    }
    Ok(Some(buckets))
}

/// Whole days of UTC need no further look at the log.
fn summed(days: &BTreeMap<Date, u64>, interval: Interval) -> Vec<(String, u64)> {
    let mut buckets: Vec<(String, u64)> = Vec::new();
    for (day, count) in days {
        let Ok(day) = day.to_zoned(TimeZone::UTC) else { continue };
        let name = interval.start(&day).map_or_else(String::new, |start| interval.name(&start));
        match buckets.last_mut() {
            Some((last, sum)) if *last == name => *sum += count,
            _ => buckets.push((name, *count)),
        }
    }
    buckets
}

impl Interval {
    fn as_str(self) -> &'static str {
        INTERVALS.iter().find(|(_, interval)| *interval == self).map_or("", |(name, _)| name)
    }

    /// The beginnings of the buckets in which a day of UTC lies.
    fn cover(self, day: Date, zone: &TimeZone, starts: &mut BTreeSet<Zoned>) {
        let Ok(begin) = day.to_zoned(TimeZone::UTC) else { return };
        let Ok(end) = begin.checked_add(1.day()) else { return };
        let mut at: Timestamp = begin.timestamp();
        while at < end.timestamp() {
            let Some(start) = self.start(&at.to_zoned(zone.clone())) else { return };
            let Some(next) = self.next(&start) else { return };
            starts.insert(start);
            at = next.timestamp();
        }
    }

    /// The beginning of the bucket in which `at` lies.
    fn start(self, at: &Zoned) -> Option<Zoned> {
        let day = match self {
            Self::Hour => {
                let round = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc);
                return at.round(round).ok();
            }
            Self::Day => at.date(),
            Self::Week => at.date().checked_sub(i64::from(at.date().weekday().to_monday_zero_offset()).days()).ok()?,
            Self::Month => at.date().first_of_month(),
        };
        day.to_zoned(at.time_zone().clone()).ok()
    }

    /// The beginning of the bucket after the one that begins at `start`. A day that begins late, because the clocks go
    /// forward at midnight, does not make those after it late.
    fn next(self, start: &Zoned) -> Option<Zoned> {
        let span = match self {
            Self::Hour => return start.checked_add(1.hour()).ok(),
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        };
        start.date().checked_add(span).ok()?.to_zoned(start.time_zone().clone()).ok()
    }

    fn name(self, start: &Zoned) -> String {
        match self {
            Self::Hour => start.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            Self::Day | Self::Week => start.date().to_string(),
            Self::Month => start.strftime("%Y-%m").to_string(),
        }
    }
}
