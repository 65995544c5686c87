//! The entries of a log in this process, besides, to the application's own logging, files, collectors and databases.
//!
//! A [`Couriers`] has a thread for each sink. A sink gets the entries in their order, from the first on, and begins where
//! it ended when the process starts again: after a crash some come twice, with the same id, and none is left out. It
//! never sits in the way of recording, and what fails is tried again until it goes through.
//!
//! ```
//! use std::path::Path;
//!
//! use deedbook::sinks::{self, Settings};
//! use deedbook::{Actor, Deedbook, Event};
//! use serde_json::json;
//!
//! # let directory = tempfile::tempdir()?;
//! # let url = format!("file:{}", directory.path().join("audit").display());
//! # let folder = directory.path().join("sinks");
//! # tracing_subscriber::fmt().with_writer(std::io::sink).init();
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let book = Deedbook::open(&url)?;
//! let couriers = sinks::couriers(&book, folder)?;
//!
//! // Sign-ins become events of `tracing`, at the target `deedbook::audit`.
//! let table = json!({ "name": "logging", "query": "category:account", "log": {} });
//! couriers.start(Settings::read(table, Path::new("."))?)?;
//!
//! let mut event = Event::new("user.signed_in", Actor::new("user", "ada"));
//! event.category = Some("account".to_owned());
//! book.record(event).await?;
//!
//! // At the end of the process, before the log is closed. It waits for threads, so not on one that serves tasks.
//! tokio::task::spawn_blocking(move || couriers.stop()).await?;
//! book.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `log` such entries reach the crate `log` where no subscriber of `tracing` is set. Tables are those that
//! `deedbook serve` reads from its `deedbook.toml`, of any kind of sink:
//!
//! ```
//! use std::path::Path;
//!
//! use deedbook::sinks::Settings;
//! use serde_json::json;
//!
//! let table = json!({ "name": "siem", "format": "cef", "syslog": { "address": "logs.example:514", "transport": "tcp" } });
//! let settings = Settings::read(table, Path::new("/etc/app"))?;
//! assert_eq!(settings.said.kind, "syslog");
//! # Ok::<(), deedbook::Error>(())
//! ```

use std::path::PathBuf;
use std::sync::Arc;

pub use deedbook_core::Query;
pub use deedbook_core::query::ParseOptions;
pub use deedbook_deliver::{
    Couriers, Failure, FileSink, Folder, Format, Handle, Origin, Outlet, Parked, Rotation, Said, Settings, Sink, Start,
    State, States, Status, StreamSink, Template, Terms, TracingSink, Writer,
};

use crate::{Deedbook, Error, ErrorKind, Result};

/// Couriers for the log of `book`, none yet. How far each sink is stands in `folder`, which is made with the first.
///
/// What goes wrong is told by the crate `tracing`, and by [`Handle::status`]. They hold the log open until they are
/// stopped.
///
/// # Errors
/// [`ErrorKind::Invalid`] where the log is not in this process, or the book was shut down.
pub fn couriers(book: &Deedbook, folder: impl Into<PathBuf>) -> Result<Couriers> {
    let store = book.store().ok_or_else(|| {
        let message = "sinks want a log that is open in this process; one behind a server has the sinks of its server";
        Error::new(ErrorKind::Invalid, message)
    })?;
    Ok(Couriers::new(store, Arc::new(Folder::at(folder)), |_, _| ()))
}
