//! `token`: make, list, rotate and revoke the tokens of a server, through it or on its directory while it is not running.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use deedbook::client;
use deedbook_core::{ErrorKind, Store, Timestamp, rfc3339};
use deedbook_server::{Author, NewToken, Settings, TokenKind};
use jiff::Span;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::governing::Why;
use super::narrowing::Narrowing;
use crate::book::{self, Book};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::log::HEADING;
use crate::output::safe::safe;
use crate::output::{self, Destination};
use crate::place::Place;
use crate::remote::Remote;

/// The arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
The text of a new token is printed to standard output, alone, and is shown nowhere else; only a hash of it is kept. \
Each change is an entry of the tenant `_deedbook`. It is done through a server with an administrator's token, or, for recovery, on the \
directory, which a server must not have open then.

Example:
  deedbook token create --kind write --tenant acme --expires 90d
  deedbook token create --kind read --tenant acme --audience owners --target project:prj_1 --field /context/ip=truncate
  deedbook token list
  deedbook token rotate tok_8hWAb-kHmq5nmfE-xPggAA --overlap 24h
  deedbook token revoke tok_8hWAb-kHmq5nmfE-xPggAA")]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it
    Create(Box<Create>),
    /// Show every token, without its text
    List(List),
    /// Give a token a new text and print it; the old one is accepted for a while
    Rotate(Rotate),
    /// Refuse a token from now on
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Create {
    /// What it may do: write records, read reads, auditor reads everything and the settings, admin does everything
    #[arg(long, value_enum, hide_possible_values = true, value_name = "write|read|auditor|admin")]
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

    #[command(flatten)]
    narrowing: Narrowing,

    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
struct Rotate {
    /// Its id, as `list` shows it
    id: String,

    /// How long the old text is accepted, at most 90d
    #[arg(long, value_name = "D", default_value = "1h", value_parser = overlap)]
    overlap: String,

    #[command(flatten)]
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Write,
    Read,
    Auditor,
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

    #[command(flatten)]
    why: Why,
}

impl TokenCommand {
    /// Changes or shows the tokens of the log at `place`.
    pub(crate) fn run(self, place: &Place) -> Outcome<Exit> {
        let tokens = match place {
            Place::Directory(directory) => Tokens::Directory(directory),
            Place::Server(address) => Tokens::Server(Box::new(book::connect(address)?)),
        };
        match self.action {
            Action::Create(create) => create.run(&tokens),
            Action::List(list) => list.run(&tokens),
            Action::Rotate(rotate) => rotate.run(&tokens),
            Action::Revoke(revoke) => revoke.run(&tokens),
        }
    }
}

impl Create {
    fn run(self, tokens: &Tokens<'_>) -> Outcome<Exit> {
        let (token, secret) = tokens.create(self)?;
        writeln!(anstream::stderr(), "{}", sentence(&token)).map_err(output::unwritable)?;
        output::print_line(secret)?;
        Ok(Exit::Done)
    }

    fn for_directory(self) -> Outcome<NewToken> {
        let kind = match self.kind {
            Kind::Write => TokenKind::Write,
            Kind::Read => TokenKind::Read,
            Kind::Auditor => TokenKind::Auditor,
            Kind::Admin => TokenKind::Admin,
        };
        let mut members = self.narrowing.members();
        members.insert("kind".to_owned(), json!(kind.as_str()));
        let NewToken { grant, .. } = NewToken::from_json(&Value::Object(members))?;
        Ok(NewToken { kind, tenant: self.tenant, name: self.name, expires_at: self.expires, grant })
    }

    fn for_server(self) -> client::NewToken {
        let mut new = client::NewToken::new(match self.kind {
            Kind::Write => client::TokenKind::Write,
            Kind::Read => client::TokenKind::Read,
            Kind::Auditor => client::TokenKind::Auditor,
            Kind::Admin => client::TokenKind::Admin,
        });
        new = new.narrowed_by(self.narrowing.members());
        if let Some(reason) = self.why.reason {
            new = new.reason(reason);
        }
        if let Some(tenant) = self.tenant {
            new = new.tenant(tenant);
        }
        if let Some(name) = self.name {
            new = new.name(name);
        }
        match self.expires {
            Some(at) => new.expires_at(at),
            None => new,
        }
    }
}

impl List {
    fn run(self, tokens: &Tokens<'_>) -> Outcome<Exit> {
        let tokens = tokens.list()?;
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

impl Rotate {
    fn run(self, tokens: &Tokens<'_>) -> Outcome<Exit> {
        let Some((token, secret)) = tokens.rotate(&self)? else { return Err(unknown(&self.id)) };
        writeln!(anstream::stderr(), "{}", sentence(&token)).map_err(output::unwritable)?;
        output::print_line(secret)?;
        Ok(Exit::Done)
    }
}

fn unknown(id: &str) -> Failure {
    Failure::new(Exit::No, format!("there is no token {}", safe(id))).advise("`deedbook token list` shows their ids.")
}

impl Revoke {
    fn run(self, tokens: &Tokens<'_>) -> Outcome<Exit> {
        match tokens.revoke(&self)? {
            Some(token) => output::print_line(sentence(&token))?,
            None => return Err(unknown(&self.id)),
        }
        Ok(Exit::Done)
    }
}

impl Why {
    /// Whoever may write to the directory, where tokens are the program's own.
    fn author(&self) -> Author {
        Author::system().because(self.reason.clone())
    }
}

/// Where tokens are kept; each is shown as the JSON that the API gives.
enum Tokens<'a> {
    Directory(&'a Path),
    Server(Box<Remote>),
}

impl Tokens<'_> {
    /// The token and its text.
    fn create(&self, new: Create) -> Outcome<(Value, String)> {
        match self {
            Self::Directory(directory) => {
                let book = Book::open(directory)?;
                let author = new.why.author();
                let (token, secret) = settings(book.shared())?.create(new.for_directory()?, &author)?;
                book.close()?;
                Ok((token.to_json(), secret.expose().to_owned()))
            }
            Self::Server(remote) => {
                let (client, runtime) = remote.parts();
                let (token, record) = runtime.block_on(client.create_token(&new.for_server()))?;
                Ok((shown(&record), token.expose().to_owned()))
            }
        }
    }

    fn list(&self) -> Outcome<Vec<Value>> {
        match self {
            Self::Directory(directory) => {
                let settings = settings(Arc::from(book::open_to_read(directory)?))?;
                Ok(settings.tokens().iter().map(|token| token.to_json()).collect())
            }
            Self::Server(remote) => {
                let (client, runtime) = remote.parts();
                Ok(runtime.block_on(client.tokens())?.iter().map(shown).collect())
            }
        }
    }

    /// The token and its new text; `None` where there is no such token.
    fn rotate(&self, asked: &Rotate) -> Outcome<Option<(Value, String)>> {
        let Rotate { id, overlap, why } = asked;
        match self {
            Self::Directory(directory) => {
                let until = expiry(overlap).map_err(|why| Failure::new(Exit::Usage, why))?;
                let book = Book::open(directory)?;
                let rotated = settings(book.shared())?.rotate(id, until, &why.author());
                book.close()?;
                Ok(rotated?.map(|(token, secret)| (token.to_json(), secret.expose().to_owned())))
            }
            Self::Server(remote) => {
                let (client, runtime) = remote.parts();
                match runtime.block_on(client.rotate_token(id, overlap, why.reason.as_deref())) {
                    Ok((token, record)) => Ok(Some((shown(&record), token.expose().to_owned()))),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// `None` where there is no such token.
    fn revoke(&self, asked: &Revoke) -> Outcome<Option<Value>> {
        let Revoke { id, why } = asked;
        match self {
            Self::Directory(directory) => {
                let book = Book::open(directory)?;
                let revoked = settings(book.shared())?.revoke(id, &why.author());
                book.close()?;
                Ok(revoked?.map(|token| token.to_json()))
            }
            Self::Server(remote) => {
                let (client, runtime) = remote.parts();
                match runtime.block_on(client.revoke_token(id, why.reason.as_deref())) {
                    Ok(record) => Ok(Some(shown(&record))),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

fn shown(record: &client::TokenRecord) -> Value {
    let time = |time: Option<Timestamp>| time.map(rfc3339);
    let mut shown = json!({
        "id": record.id,
        "kind": record.kind.as_str(),
        "tenant": record.tenant,
        "name": record.name,
        "created_at": rfc3339(record.created_at),
        "expires_at": time(record.expires_at),
        "revoked_at": time(record.revoked_at),
        "last_used_at": time(record.last_used_at),
        "old_accepted_until": time(record.old_accepted_until),
    });
    if let Some(members) = shown.as_object_mut() {
        let narrowing = ["scope", "fields", "addresses", "capabilities"];
        let said = narrowing.iter().filter_map(|name| Some(((*name).to_owned(), record.narrowing.get(*name)?.clone())));
        members.extend(said);
    }
    shown
}

fn settings(store: Arc<dyn Store>) -> Outcome<Settings> {
    Ok(Settings::load(store, Arc::new(Timestamp::now))?)
}

/// A token on one line, the words between tabs: id, kind, tenant, name, life, last use, and what narrows it as JSON.
fn sentence(token: &Value) -> String {
    let text = |name: &str| token[name].as_str().map(|text| safe(text).into_owned());
    let tenant = text("tenant").unwrap_or_else(|| "all tenants".to_owned());
    let life = match (text("revoked_at"), text("expires_at")) {
        (Some(revoked_at), _) => format!("revoked {revoked_at}"),
        (None, Some(expires_at)) => format!("expires {expires_at}"),
        (None, None) => "does not expire".to_owned(),
    };
    let used = text("last_used_at").map_or_else(|| "not used".to_owned(), |at| format!("used {at}"));
    let narrowing: Map<String, Value> = ["scope", "fields", "addresses", "capabilities"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), token.get(*name).filter(|value| !value.is_null())?.clone())))
        .collect();
    let narrowing = (!narrowing.is_empty()).then(|| safe(&Value::Object(narrowing).to_string()).into_owned());
    let words = [
        text("id"),
        text("kind"),
        Some(tenant),
        text("name").or_else(|| Some(String::new())),
        Some(life),
        Some(used),
        narrowing,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join("\t")
}

/// A time such as the API takes it.
fn overlap(text: &str) -> Result<String, String> {
    let span: Result<Span, _> = text.parse();
    span.map(|_| text.to_owned()).map_err(|_| "expected a time such as 24h or 7d".to_owned())
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
