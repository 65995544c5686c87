//! `token`: make, list and revoke the tokens of a server, on its directory while it is not running.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use deedbook_core::{Store, Timestamp};
use deedbook_server::{NewToken, Settings, TokenKind};
use jiff::Span;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::book::{self, Book};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::log::HEADING;
use crate::output::safe::safe;
use crate::output::{self, Destination};

/// The arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
The text of a new token is printed to standard output, alone, and is shown nowhere else; only a hash of it is kept. \
Each change is an entry of the tenant `_deedbook`. A server that has the directory open must be stopped first.

Example:
  deedbook token create --kind write --tenant acme --expires 90d
  deedbook token list
  deedbook token revoke tok_8hWAb-kHmq5nmfE-xPggAA")]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it
    Create(Create),
    /// Show every token, without its text
    List(List),
    /// Refuse a token from now on
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// What it may do: write records, read reads, admin does everything
    #[arg(long, value_enum, hide_possible_values = true, value_name = "write|read|admin")]
    kind: Kind,

    /// The one tenant it is bound to; all of them when absent
    #[arg(long)]
    tenant: Option<String>,

    /// What it is for
    #[arg(long)]
    name: Option<String>,

    /// From when on it is refused: a time from now such as 90d, 12h or 1y, or an instant such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "D", value_parser = expiry)]
    expires: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Write,
    Read,
    Admin,
}

#[derive(Debug, Args)]
struct List {
    /// How tokens are shown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How tokens are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line each.
    Table,
    /// One array.
    Json,
}

#[derive(Debug, Args)]
struct Revoke {
    /// Its id, as `list` shows it
    id: String,
}

impl TokenCommand {
    /// Changes or shows the tokens of the log in `directory`.
    pub(crate) fn run(self, directory: &Path) -> Outcome<Exit> {
        match self.action {
            Action::Create(create) => create.run(directory),
            Action::List(list) => list.run(directory),
            Action::Revoke(revoke) => revoke.run(directory),
        }
    }
}

impl Create {
    fn run(self, directory: &Path) -> Outcome<Exit> {
        let new = NewToken {
            kind: match self.kind {
                Kind::Write => TokenKind::Write,
                Kind::Read => TokenKind::Read,
                Kind::Admin => TokenKind::Admin,
            },
            tenant: self.tenant,
            name: self.name,
            expires_at: self.expires,
        };
        let book = Book::open(directory)?;
        let (token, secret) = settings(book.shared())?.create(new)?;
        book.close()?;
        writeln!(anstream::stderr(), "{}", sentence(&token.to_json())).map_err(output::unwritable)?;
        output::print_line(secret.expose())?;
        Ok(Exit::Done)
    }
}

impl List {
    fn run(self, directory: &Path) -> Outcome<Exit> {
        let settings = settings(Arc::from(book::open_to_read(directory)?))?;
        let tokens: Vec<Value> = settings.tokens().iter().map(|token| token.to_json()).collect();
        let destination = Destination::of_stdout();
        if self.format == Format::Json {
            output::print_line(output::json_text(json!(tokens).to_string().as_bytes(), destination))?;
            return Ok(Exit::Done);
        }
        let mut out = anstream::stdout().lock();
        if destination == Destination::Terminal {
            writeln!(out, "{HEADING}Tokens{HEADING:#}").map_err(output::unwritable)?;
        }
        for token in &tokens {
            writeln!(out, "{}", sentence(token)).map_err(output::unwritable)?;
        }
        Ok(Exit::Done)
    }
}

impl Revoke {
    fn run(self, directory: &Path) -> Outcome<Exit> {
        let book = Book::open(directory)?;
        let revoked = settings(book.shared())?.revoke(&self.id);
        book.close()?;
        match revoked? {
            Some(token) => output::print_line(sentence(&token.to_json()))?,
            None => {
                let failure = Failure::new(Exit::No, format!("there is no token {}", safe(&self.id)));
                return Err(failure.advise("`deedbook token list` shows their ids."));
            }
        }
        Ok(Exit::Done)
    }
}

fn settings(store: Arc<dyn Store>) -> Outcome<Settings> {
    Ok(Settings::load(store, Arc::new(Timestamp::now))?)
}

/// A token on one line, the words between tabs: id, kind, tenant, name, life.
fn sentence(token: &Value) -> String {
    let text = |name: &str| token[name].as_str().map(|text| safe(text).into_owned());
    let tenant = text("tenant").unwrap_or_else(|| "all tenants".to_owned());
    let life = match (text("revoked_at"), text("expires_at")) {
        (Some(revoked_at), _) => format!("revoked {revoked_at}"),
        (None, Some(expires_at)) => format!("expires {expires_at}"),
        (None, None) => "does not expire".to_owned(),
    };
    let words = [text("id"), text("kind"), Some(tenant), text("name").or_else(|| Some(String::new())), Some(life)];
    words.into_iter().flatten().collect::<Vec<_>>().join("\t")
}

/// A time from now, or an instant.
fn expiry(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let expected = || "expected a time from now such as 90d, or an instant such as 2027-01-01T00:00:00Z".to_owned();
    let span: Span = text.parse().map_err(|_| expected())?;
    let expires_at = Timestamp::now().to_zoned(TimeZone::UTC).checked_add(span).map_err(|_| expected())?;
    Ok(expires_at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_from_now_and_instants() {
        for text in ["90d", "12h", "1y", "2w", "2099-01-01T00:00:00Z"] {
            assert!(expiry(text).unwrap() > Timestamp::now(), "{text}");
        }
        for text in ["", "90", "soon", "99999999y"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
