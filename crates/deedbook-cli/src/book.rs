//! Which store stands behind the command line: the only file here that names one, besides `remote`.

use std::path::Path;
use std::sync::Arc;

use deedbook::client::{Client, ClientOptions, Token};
use deedbook_core::{Draft, Error, ErrorKind, Event, Store};
use deedbook_postgres::Log;
use deedbook_server::MeasureDisk;
use deedbook_store::{FileStore, Options, RealDisk};

use crate::exit::{Exit, Failure, Outcome};
use crate::place::{Address, Place};
use crate::remote::{CALL_MAX, Remote};

pub(crate) use deedbook_store::{FileReport, Report};

/// A Deedbook that was opened for appending; the process that holds it is its only writer.
pub(crate) struct Book(Arc<FileStore>);

impl Book {
    /// Opens the directory, or makes it.
    pub(crate) fn open(directory: &Path) -> Outcome<Self> {
        FileStore::open(directory, options())
            .map(|store| Self(Arc::new(store)))
            .map_err(|error| explain(error, directory))
    }

    /// The store as commands see it.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0
    }

    /// The store for those who keep it: a server and its threads. They let go of it before [`Book::close`].
    pub(crate) fn shared(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    /// What the files take, as long as there is a book.
    pub(crate) fn measure(&self) -> MeasureDisk {
        // It must not keep the store from being closed.
        let store = Arc::downgrade(&self.0);
        Arc::new(move || {
            let closed = || Error::new(ErrorKind::NotFound, "the log was closed");
            store.upgrade().ok_or_else(closed)?.disk_usage()
        })
    }

    /// The files, for those who move entries to an archive and back; they let go of them before [`Book::close`].
    #[cfg(feature = "archive")]
    pub(crate) fn shared_files(&self) -> Arc<FileStore> {
        self.0.clone()
    }

    /// Merges what many small batches have left behind; for the end of an import.
    pub(crate) fn compact(&self) -> Outcome<()> {
        Ok(self.0.compact()?)
    }

    /// Lets go of the directory.
    pub(crate) fn close(self) -> Outcome<()> {
        match Arc::into_inner(self.0) {
            Some(store) => Ok(store.close()?),
            // Whoever still holds it closes it with the last hand that lets go; what was acknowledged is on disk.
            None => Ok(()),
        }
    }
}

/// A log that is recorded into: a directory, or a server.
pub(crate) enum Writing {
    /// This process is its only writer.
    Directory(Book),
    /// Others may write to it too.
    Server(Arc<Remote>),
}

impl Writing {
    /// Opens the directory, or makes it; a server is not asked anything yet.
    pub(crate) fn open(place: &Place) -> Outcome<Self> {
        match place {
            Place::Directory(directory) => Book::open(directory).map(Self::Directory),
            Place::Server(address) => Ok(Self::Server(Arc::new(connect(address)?))),
        }
    }

    /// The store as commands see it.
    pub(crate) fn store(&self) -> &dyn Store {
        match self {
            Self::Directory(book) => book.store(),
            Self::Server(remote) => &**remote,
        }
    }

    /// The same for a sequencer, which lets go of it before [`Writing::close`].
    pub(crate) fn log(&self) -> Arc<dyn Log> {
        match self {
            Self::Directory(book) => book.0.clone(),
            Self::Server(remote) => remote.clone(),
        }
    }

    /// As [`Book::compact`]; a server does it by itself.
    pub(crate) fn compact(&self) -> Outcome<()> {
        match self {
            Self::Directory(book) => book.compact(),
            Self::Server(_) => Ok(()),
        }
    }

    /// As [`Book::close`].
    pub(crate) fn close(self) -> Outcome<()> {
        match self {
            Self::Directory(book) => book.close(),
            Self::Server(_) => Ok(()),
        }
    }
}

/// The log at `place`, to be read; nothing is written to a directory, and a server is not asked anything yet.
pub(crate) fn reading(place: &Place) -> Outcome<Box<dyn Store>> {
    match place {
        Place::Directory(directory) => open_to_read(directory),
        Place::Server(address) => Ok(Box::new(connect(address)?)),
    }
}

/// A client of the server; nothing is sent yet.
pub(crate) fn connect(address: &Address) -> Outcome<Remote> {
    let Some(token) = &address.token else {
        let advice = "Name it in the environment, DEEDBOOK_TOKEN, or with --token; `deedbook token create` makes one.";
        return Err(Failure::new(Exit::Usage, "a server wants a token").advise(advice));
    };
    let mut options = ClientOptions::default();
    options.deadline = CALL_MAX;
    let client = Client::with_options(&address.url, Token::new(token.expose())?, options)?;
    Ok(Remote::new(client)?)
}

/// Opens the directory for reading and writes nothing to it.
pub(crate) fn open_to_read(directory: &Path) -> Outcome<Box<dyn Store>> {
    let disk = Arc::new(RealDisk::open(directory));
    match FileStore::open_read_only_on(disk, &directory.display().to_string(), options()) {
        Ok(store) => Ok(Box::new(store)),
        Err(error) => Err(explain(error, directory)),
    }
}

/// Checks an event and makes a draft of it.
pub(crate) fn prepare(event: Event) -> deedbook_core::Result<Draft> {
    deedbook_store::prepare(event)
}

/// Reads everything in the directory and recomputes every checksum; `progress` gets bytes done and bytes in all.
pub(crate) fn check(directory: &Path, progress: &mut dyn FnMut(u64, u64)) -> Outcome<Report> {
    let (disk, place) = (RealDisk::open(directory), directory.display().to_string());
    deedbook_store::check_on(&disk, &place, options().archive, progress).map_err(|error| explain(error, directory))
}

/// How every log is opened.
#[cfg(feature = "archive")]
fn options() -> Options {
    let mut options = Options::default();
    options.archive = Arc::new(crate::bucket::open_archive);
    options
}

/// How every log is opened.
#[cfg(not(feature = "archive"))]
fn options() -> Options {
    Options::default()
}

fn explain(error: deedbook_core::Error, directory: &Path) -> Failure {
    let failure = Failure::from(error);
    let shown = directory.display();
    let advice = match failure.exit() {
        Exit::InUse => "If that is a Deedbook server, name it: --server URL with --token T, or DEEDBOOK_SERVER and \
                        DEEDBOOK_TOKEN."
            .to_owned(),
        Exit::NoBook => format!(
            "Is {shown} the right place? Name another with --data DIR or DEEDBOOK_DATA, or begin one with `deedbook \
             record`, `deedbook import` or `deedbook demo`."
        ),
        Exit::Corrupt => {
            format!("`deedbook --data {shown} doctor` tells what is wrong; keep a copy before you try to mend it.")
        }
        Exit::NewerFormat => "Use the version of Deedbook that wrote it, or a newer one.".to_owned(),
        _ => return failure,
    };
    failure.advise(advice)
}
