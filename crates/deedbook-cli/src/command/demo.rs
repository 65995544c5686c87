//! `demo`: real history → a log, what is in it, and three questions with their answers.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use clap::Args;
use deedbook_core::query::words;
use deedbook_core::{GroupBy, PageRequest, Query, Scope, Store};
use unicode_width::UnicodeWidthStr;

use super::import::{Input, exit_of, import_all};
use super::log::{count, write_newest};
use super::serve::{Door, Welcome};
use crate::book::{self, Book};
use crate::exit::{Exit, Failure, Outcome};
use crate::import::{Format, is_repository};
use crate::output::log::{ASIDE, HEADING};
use crate::output::safe::safe;
use crate::output::{self, Destination, table};
use crate::place::Place;
use crate::progress::{counted, grouped};
use crate::query;

/// How many of the busiest are shown.
const BUSIEST: usize = 5;

/// How many entries answer a question.
const ANSWERS: usize = 3;

/// Cells of the longest bar.
const BAR_CELLS: usize = 24;

/// Entries in which a word worth searching is sought.
const SAMPLE_ENTRIES: usize = 200;

const BAR: Style = AnsiColor::Cyan.on_default();
const PROMPT: Style = AnsiColor::Green.on_default().bold();

/// The arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
The history is that of the git repository in which you stand, or of the one named; and of a CloudTrail file \
where one is given. A second run adds only what is new. It ends in serving the log over HTTP, with a link that opens \
the pages already signed in; ctrl-c ends that.

Example:
  deedbook demo --git ~/src/project --cloudtrail trail.json.gz")]
pub(crate) struct Demo {
    /// A directory of a git repository; the current one when absent
    #[arg(long, value_name = "PATH")]
    git: Option<PathBuf>,

    /// A file of CloudTrail records
    #[arg(long, value_name = "FILE")]
    cloudtrail: Option<PathBuf>,

    /// End after the history was shown
    #[arg(long, conflicts_with_all = ["listen", "public_url"])]
    no_serve: bool,

    #[command(flatten)]
    door: Door,
}

impl Demo {
    /// Enters the history and shows it.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        let Self { git, cloudtrail, no_serve, door } = self;
        let totals = import_all(inputs(git, cloudtrail)?, &Place::Directory(directory.to_owned()))?;
        let store = book::open_to_read(directory)?;
        let mut out = anstream::stdout().lock();
        writeln!(out, "{totals}, in {}", directory.display()).map_err(output::unwritable)?;
        let tour = Tour { store: &*store, scope: Scope::all_tenants(), directory, served: !no_serve };
        tour.show(&mut out)?;
        if no_serve {
            return Ok(exit_of(&totals));
        }
        writeln!(out).map_err(output::unwritable)?;
        drop(out);
        drop(store);
        door.serve(Book::open(directory)?, directory, Welcome::Link)
    }
}

fn inputs(git: Option<PathBuf>, cloudtrail: Option<PathBuf>) -> Outcome<Vec<Input>> {
    let here = || is_repository(Path::new(".")).then(|| PathBuf::from("."));
    let git = git.or_else(here).map(|path| (Format::Git, path));
    let cloudtrail = cloudtrail.map(|path| (Format::Cloudtrail, path));
    let inputs: Vec<Input> = [git, cloudtrail]
        .into_iter()
        .flatten()
        .map(|(format, path)| Input { format, path, tenant: None, rejects: None })
        .collect();
    if inputs.is_empty() {
        return Err(Failure::invalid("there is no history to show: this is not inside a git repository").advise(
            "Change to a git repository, name one with --git PATH, or name a CloudTrail file with --cloudtrail FILE.",
        ));
    }
    Ok(inputs)
}

/// What is shown of a log.
struct Tour<'a> {
    store: &'a dyn Store,
    scope: Scope,
    directory: &'a Path,
    /// Whether the log is served afterwards, so that other commands go through the server.
    served: bool,
}

impl Tour<'_> {
    fn show(&self, out: &mut dyn Write) -> Outcome<()> {
        let entries = count(self.store, &Query::all(), &self.scope)?;
        if entries == 0 {
            return writeln!(out, "The history is empty, so there is nothing to ask yet.").map_err(output::unwritable);
        }
        self.show_span(entries, out)?;
        let actors = self.busiest(GroupBy::Actor)?;
        let targets = self.busiest(GroupBy::Target)?;
        print_bars("Busiest actors", &actors, out).map_err(output::unwritable)?;
        print_bars("Busiest targets", &targets, out).map_err(output::unwritable)?;
        for (question, text) in self.questions(&actors, &targets)? {
            self.answer(&question, &text, out)?;
        }
        self.show_next(out).map_err(output::unwritable)
    }

    fn show_span(&self, entries: u64, out: &mut dyn Write) -> Outcome<()> {
        let groups = self.store.count(&Query::all(), &self.scope, &[GroupBy::Day])?;
        let days: Vec<&str> = groups.iter().filter_map(|group| group.key.first()).map(String::as_str).collect();
        let (first, last) = (days.iter().min().unwrap_or(&""), days.iter().max().unwrap_or(&""));
        let entries = counted(entries, "entry", "entries");
        let span = match days.len() as u64 {
            0 | 1 => format!("of {first}"),
            days => format!("from {first} to {last}, on {}", counted(days, "day", "days")),
        };
        writeln!(out, "\n{HEADING}{entries}{HEADING:#} {span}").map_err(output::unwritable)
    }

    fn busiest(&self, by: GroupBy) -> Outcome<Vec<(String, u64)>> {
        let groups = self.store.count(&Query::all(), &self.scope, &[by])?;
        Ok(groups.into_iter().filter_map(|mut group| Some((group.key.pop()?, group.count))).take(BUSIEST).collect())
    }

    /// Three questions that this log can answer, with the query of each.
    fn questions(&self, actors: &[(String, u64)], targets: &[(String, u64)]) -> Outcome<Vec<(String, String)>> {
        let mut questions = Vec::new();
        if let Some((target, _)) = targets.first() {
            questions.push(("Everything that ever happened to one thing".to_owned(), is("target", target)));
        }
        questions.extend(self.rare_acts()?);
        if let Some(word) = self.rare_word()? {
            questions.push(("A word of a name, a description or metadata".to_owned(), word));
        }
        questions.extend(self.busiest_day()?);
        if let Some((actor, _)) = actors.first() {
            questions.push(("What one person or program did".to_owned(), is("actor", actor)));
        }
        questions.truncate(3);
        Ok(questions)
    }

    /// What was denied, if anything was; else the rarest action.
    fn rare_acts(&self) -> Outcome<Option<(String, String)>> {
        let denied = "outcome:denied".to_owned();
        if count(self.store, &query::parse(&denied)?, &self.scope)? > 0 {
            return Ok(Some(("What was refused for want of a right".to_owned(), denied)));
        }
        let actions = self.store.count(&Query::all(), &self.scope, &[GroupBy::Action])?;
        let rarest = actions.last().and_then(|group| group.key.first());
        Ok(rarest.map(|action| ("Every act of one kind".to_owned(), is("action", action))))
    }

    /// The day on which one actor did most.
    fn busiest_day(&self) -> Outcome<Option<(String, String)>> {
        let groups = self.store.count(&Query::all(), &self.scope, &[GroupBy::Actor, GroupBy::Day])?;
        let Some([actor, day]) = groups.first().map(|group| group.key.as_slice()) else { return Ok(None) };
        let text = format!("{} occurred:{day}", is("actor", actor));
        // The day was counted in UTC, and a query means the day of the local zone.
        let answers = count(self.store, &query::parse(&text)?, &self.scope)?;
        Ok((answers > 0).then(|| ("The day of one person or program".to_owned(), text)))
    }

    /// A word of a recent description, rare but in more than one entry.
    fn rare_word(&self) -> Outcome<Option<String>> {
        let page = self.store.page(&Query::all(), &self.scope, &PageRequest::newest(SAMPLE_ENTRIES))?;
        let mut transactions = std::collections::HashSet::new();
        let mut seen = std::collections::HashMap::<String, usize>::new();
        for entry in &page.entries {
            // All entries of a commit have one description.
            let described = entry.event.description.as_deref();
            if !transactions.insert((entry.event.transaction_id.as_deref(), described)) {
                continue;
            }
            words(described.unwrap_or_default(), &mut |word| *seen.entry(word.to_owned()).or_default() += 1);
        }
        let suits = |word: &str| word.len() >= 5 && word.chars().all(|character| character.is_ascii_lowercase());
        let best = seen.into_iter().filter(|(word, times)| suits(word) && *times >= 2);
        Ok(best.min_by_key(|(word, times)| (*times, std::cmp::Reverse(word.len()), word.clone())).map(|(word, _)| word))
    }

    /// Shows the command and, by the code of that command, its answer.
    fn answer(&self, question: &str, text: &str, out: &mut dyn Write) -> Outcome<()> {
        let query = query::parse(text)?;
        let matching = count(self.store, &query, &self.scope)?;
        writeln!(
            out,
            "\n{HEADING}{}{HEADING:#} {ASIDE}({}){ASIDE:#}",
            safe(question),
            counted(matching, "entry", "entries")
        )
        .map_err(output::unwritable)?;
        let command = format!("deedbook {}log {} --limit {ANSWERS}", self.data_argument(), quoted(text));
        writeln!(out, "{PROMPT}${PROMPT:#} {}", safe(&command)).map_err(output::unwritable)?;
        let mut writer = output::writer(output::Format::Table, Destination::of_stdout());
        write_newest(self.store, &query, &self.scope, ANSWERS, &mut *writer, out)
    }

    fn data_argument(&self) -> String {
        match self.directory.to_str() {
            Some("./deedbook-data") => String::new(),
            _ => format!("--data {} ", quoted(&self.directory.display().to_string())),
        }
    }

    fn show_next(&self, out: &mut dyn Write) -> io::Result<()> {
        let (place, last) = if self.served {
            (String::new(), ("tail", "follow it"))
        } else {
            (self.data_argument(), ("doctor", "check every checksum and proof"))
        };
        let next = [
            ("record invoice.approved --actor user:ada --target invoice:7", "enter an event of your own"),
            ("log --help", "what can be asked"),
            ("export csv -o log.csv", "take it all into a spreadsheet"),
            last,
        ];
        let widest = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
        let next_where = if self.served { "Next, in another terminal" } else { "Next" };
        writeln!(out, "\n{HEADING}{next_where}{HEADING:#}")?;
        for (command, meaning) in next {
            writeln!(out, "  deedbook {}{command:widest$}  {ASIDE}{meaning}{ASIDE:#}", safe(&place))?;
        }
        // After `cargo run` there is no `deedbook` on PATH, and the first command to be tried would not be found.
        let program = std::env::args_os().next().map(PathBuf::from).filter(|path| path.components().nth(1).is_some());
        program.map_or(Ok(()), |program| {
            writeln!(out, "{ASIDE}`deedbook` is {} here{ASIDE:#}", safe(&program.display().to_string()))
        })
    }
}

/// `field:value`, the value in quotes where the language needs them.
fn is(field: &str, value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_.:/@-".contains(character);
    if !value.is_empty() && value.chars().all(plain) && !value.contains("..") && !value.starts_with('-') {
        return format!("{field}:{value}");
    }
    format!("{field}:\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// One argument for a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_.:/@-".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn print_bars(heading: &str, groups: &[(String, u64)], out: &mut dyn Write) -> io::Result<()> {
    let Some((_, most)) = groups.first() else { return Ok(()) };
    writeln!(out, "\n{HEADING}{heading}{HEADING:#}")?;
    let names_max = table::terminal_width().saturating_sub(BAR_CELLS + 16).clamp(20, 60);
    let names: Vec<String> =
        groups.iter().map(|(name, _)| table::cut(&safe(name), names_max, table::Cut::Middle).into_owned()).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    for ((_, count), name) in groups.iter().zip(&names) {
        let fill = " ".repeat(widest - name.width());
        writeln!(out, "  {name}{fill}  {BAR}{}{BAR:#} {}", bar(*count, *most), grouped(*count))?;
    }
    Ok(())
}

/// A bar as long as `count` is of `most`, in eighths of a cell.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (u128::from(count) * BAR_CELLS as u128 * 8 / u128::from(most.max(1))).max(1) as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_arguments_are_quoted_where_they_must_be() {
        assert_eq!(is("target", "file:src/main.rs"), "target:file:src/main.rs");
        assert_eq!(is("target", "file:a b\"c\\"), "target:\"file:a b\\\"c\\\\\"");
        assert_eq!(is("target", "x*"), "target:\"x*\"");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        for value in ["file:a b\"c\\", "x*", "(a,b)", "a..b", "-x", ">1"] {
            assert!(query::parse(&is("target", value)).is_ok(), "{value}");
        }
    }

    #[test]
    fn bars_are_in_proportion_and_never_empty() {
        assert_eq!(bar(8, 8).chars().count(), BAR_CELLS);
        assert_eq!(bar(1, 2), "█".repeat(12));
        assert_eq!(bar(1, 1_000_000), "▏");
    }
}
