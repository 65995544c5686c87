//! Figures as people read them.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::figures::{Answered, Asked, Comparison, Loaded, Percentiles, Series};

/// Fewer answers than this are named beside their percentiles.
const SAMPLES_USUAL: usize = 200;

/// A progress bar on standard error, drawn only on a terminal.
pub fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{msg:24} {wide_bar} {human_pos}/{human_len} {eta}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The whole comparison.
pub fn comparison(found: &Comparison) -> String {
    let circumstances = &found.circumstances;
    let mut text = format!(
        "{} events of {:.0} bytes as JSON · Deedbook with {} submitting threads\n{}\n{}\n$ {}\n",
        thousands(found.events as f64),
        found.canonical_bytes_per_event,
        found.clients,
        circumstances.machine_line(),
        circumstances.date,
        circumstances.command,
    );
    for series in &found.series {
        text += &format!("\nBatches of {}, each durable before the next\n{}\n", series.batch_events, loading(series));
    }
    if !found.questions.is_empty() {
        text += &format!("\nQuestions, p50 / p99 in ms\n{}\n", questions(&found.questions));
    }
    for note in &found.notes {
        text += &format!("{note}\n");
    }
    text
}

fn loading(series: &Series) -> Table {
    let mut table = table(&[
        "",
        "events/s",
        "CPU µs/event",
        "bytes/event",
        "append p50 ms",
        "p99 ms",
        "speed ×SQLite",
        "CPU ×SQLite",
        "bytes ×SQLite",
        "speed ×limit",
        "CPU ×limit",
        "bytes ×limit",
    ]);
    let named = |name| series.results.iter().find(|result| result.contestant == name);
    let (sqlite, limit) = (named("sqlite"), named("limit"));
    for result in &series.results {
        let mut cells = vec![
            result.contestant.to_owned(),
            thousands(result.events_per_s),
            format!("{:.1}", result.cpu_us_per_event),
            thousands(result.bytes_per_event),
        ];
        cells.extend(percentile_cells(result.append));
        cells.extend(ratios(result, sqlite));
        cells.extend(ratios(result, limit));
        table.add_row(cells);
    }
    table
}

fn percentile_cells(percentiles: Option<Percentiles>) -> [String; 2] {
    percentiles.map_or_else(Default::default, |found| [format!("{:.1}", found.p50_ms), format!("{:.1}", found.p99_ms)])
}

/// Speed, CPU time and bytes in relation to another contestant.
fn ratios(result: &Loaded, other: Option<&Loaded>) -> [String; 3] {
    let Some(other) = other else { return Default::default() };
    [
        result.events_per_s / other.events_per_s,
        result.cpu_us_per_event / other.cpu_us_per_event,
        result.bytes_per_event / other.bytes_per_event,
    ]
    .map(|ratio| format!("{ratio:.2}"))
}

/// A table of questions by contestants.
pub fn questions(asked: &[Asked]) -> Table {
    let names: Vec<&str> =
        asked.first().map_or_else(Vec::new, |first| first.results.iter().map(|result| result.contestant).collect());
    let mut headers = vec!["", "rows"];
    headers.extend(&names);
    let mut table = table(&headers);
    for question in asked {
        let mut cells = vec![question.question.to_owned(), format!("{:.0}", question.rows_mean)];
        cells.extend(question.results.iter().map(answered));
        table.add_row(cells);
    }
    table
}

fn answered(answered: &Answered) -> String {
    let Percentiles { samples, p50_ms, p99_ms, .. } = answered.latency;
    let few = if samples < SAMPLES_USUAL { format!(" (n = {samples})") } else { String::new() };
    format!("{p50_ms:.3} / {p99_ms:.3}{few}")
}

/// A table with a first column of words and further columns of numbers.
pub fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(headers);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// Without decimals, in groups of three.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        (0..digits.len()).rev().step_by(3).map(|last| &digits[last.saturating_sub(2)..=last]).collect();
    groups.into_iter().rev().collect::<Vec<_>>().join(",")
}

/// Three percentiles in one line.
pub fn percentiles(found: Percentiles) -> String {
    let Percentiles { samples, p50_ms, p99_ms, max_ms } = found;
    format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, longest {max_ms:.2} ms of {samples}")
}
