//! Where the log is that a command works on: a directory, or a server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::parser::ValueSource;

use crate::exit::{Exit, Failure, Outcome};

/// A directory, or a server.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Opened by this process.
    Directory(PathBuf),
    /// Asked over HTTP.
    Server(Address),
}

/// A server and the token for it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// As it was given, such as `http://127.0.0.1:7400`.
    pub(crate) url: String,
    /// `None` where none was given.
    pub(crate) token: Option<Secret>,
}

/// A text that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Place {
    /// The directory, for a command that works on one alone.
    ///
    /// # Errors
    /// [`Exit::Usage`] where a server was named.
    pub(crate) fn directory(&self, command: &str) -> Outcome<&Path> {
        match self {
            Self::Directory(directory) => Ok(directory),
            Self::Server(address) => {
                let message =
                    format!("`deedbook {command}` works on a directory, and a server was named: {}", address.url);
                let advice = "Leave out --server (and DEEDBOOK_SERVER), or name the directory with --data DIR on the \
                              machine that has it.";
                Err(Failure::new(Exit::Usage, message).advise(advice))
            }
        }
    }

    /// The server, for a command that works on one alone.
    ///
    /// # Errors
    /// [`Exit::Usage`] where none was named.
    pub(crate) fn server(&self, command: &str) -> Outcome<&Address> {
        match self {
            Self::Server(address) => Ok(address),
            Self::Directory(_) => {
                let message = format!("`deedbook {command}` works on a server, and none was named");
                Err(Failure::new(Exit::Usage, message).advise("Name one with --server URL or DEEDBOOK_SERVER."))
            }
        }
    }

    /// The place that the arguments and the environment name: what stands on the command line comes first, then the
    /// server.
    ///
    /// # Errors
    /// [`Exit::Usage`] where both stand on the command line.
    pub(crate) fn choose(
        data: (PathBuf, Option<ValueSource>),
        server: (Option<String>, Option<ValueSource>),
        token: Option<Secret>,
    ) -> Outcome<Self> {
        let is_typed = |source| source == Some(ValueSource::CommandLine);
        match (server.0.filter(|url| !url.is_empty()), is_typed(data.1), is_typed(server.1)) {
            (Some(_), true, true) => {
                Err(Failure::new(Exit::Usage, "--data and --server name two places; leave one of them out"))
            }
            (None, ..) | (Some(_), true, false) => Ok(Self::Directory(data.0)),
            (Some(url), ..) => Ok(Self::Server(Address { url, token })),
        }
    }
}

impl Secret {
    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    /// Any text; whether it is a token is told where it is used, without repeating it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_comes_before_the_environment_and_a_server_before_a_directory() {
        let choose = |data, server: Option<(&str, ValueSource)>| {
            let (url, source) = server.unzip();
            Place::choose((PathBuf::from("d"), Some(data)), (url.map(str::to_owned), source), None)
        };
        let (typed, environment, default) =
            (ValueSource::CommandLine, ValueSource::EnvVariable, ValueSource::DefaultValue);
        let is_directory = |place: Outcome<Place>| matches!(place, Ok(Place::Directory(_)));
        let is_server = |place: Outcome<Place>| matches!(place, Ok(Place::Server(_)));
        assert!(is_directory(choose(default, None)));
        assert!(is_directory(choose(typed, Some(("http://s", environment)))));
        assert!(is_directory(choose(default, Some(("", environment)))));
        assert!(is_server(choose(environment, Some(("http://s", environment)))));
        assert!(is_server(choose(environment, Some(("http://s", typed)))));
        assert_eq!(choose(typed, Some(("http://s", typed))).expect_err("two places").exit(), Exit::Usage);
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let token = Some("canary".parse().expect("any text"));
        let place = Place::Server(Address { url: "http://s".to_owned(), token });
        assert!(!format!("{place:?}").contains("canary"));
        let refused = place.directory("doctor").expect_err("a server");
        assert!(!format!("{refused:?}").contains("canary") && refused.to_string().contains("http://s"));
    }
}
