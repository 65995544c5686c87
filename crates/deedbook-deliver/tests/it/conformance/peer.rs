//! A peer on loopback that does with each message what a script says.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Act, Dialect, Id, Says};

/// What a peer does with a message: of the number of those before it, and the entries in it.
pub(super) type Next = dyn FnMut(usize, &[Id]) -> Act + Send;

/// What a peer does with its connections and messages.
pub(super) struct Script {
    /// How many connections it accepts at first and never looks at.
    pub(super) deaf: usize,
    pub(super) act: Box<Next>,
}

impl Script {
    pub(super) fn new(act: impl FnMut(usize, &[Id]) -> Act + Send + 'static) -> Self {
        Self { deaf: 0, act: Box::new(act) }
    }
}

/// Both directions of a connection of a sink.
pub(crate) struct Connection {
    pub(crate) reader: BufReader<TcpStream>,
    pub(crate) writer: TcpStream,
}

impl Connection {
    /// Ends it so that the other side notices it as an error.
    fn reset(self) {
        // A socket that is closed with nothing left to wait for is reset.
        socket2::SockRef::from(&self.writer).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until the other side has enough.
    fn hang(mut self) {
        let _ = io::copy(&mut self.reader, &mut io::sink());
    }
}

/// A peer, until it is dropped.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    dialect: Arc<dyn Dialect>,
    script: Mutex<Script>,
    told: Mutex<Told>,
    ends: AtomicBool,
}

/// What a peer tells afterwards.
#[derive(Default)]
struct Told {
    messages: usize,
    taken: Vec<Id>,
}

impl Peer {
    pub(super) fn start(dialect: &Arc<dyn Dialect>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (dialect, script) = (dialect.clone(), Mutex::new(script));
        let shared = Arc::new(Shared { dialect, script, told: Mutex::default(), ends: AtomicBool::new(false) });
        let thread = {
            let shared = shared.clone();
            std::thread::spawn(move || shared.accept(&listener))
        };
        Self { address, shared, thread: Some(thread) }
    }

    /// What it took, in order; what came twice is there twice.
    pub(super) fn taken(&self) -> Vec<Id> {
        self.shared.told().taken.clone()
    }

    pub(super) fn messages(&self) -> usize {
        self.shared.told().messages
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        // What it found wrong was told where it panicked.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        let mut ignored = Vec::new();
        for stream in listener.incoming() {
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            let stream = stream.unwrap();
            if ignored.len() < self.script().deaf {
                ignored.push(stream);
                continue;
            }
            let shared = self.clone();
            // It ends with its connection, which the sink closes.
            std::thread::spawn(move || {
                let reader = BufReader::new(stream.try_clone().unwrap());
                // An error is the sink that went away.
                let _ = shared.serve(Connection { reader, writer: stream });
            });
        }
    }

    fn serve(&self, mut connection: Connection) -> io::Result<()> {
        connection.writer.write_all(&self.dialect.greeting())?;
        while let Some(message) = self.dialect.read(&mut connection)? {
            let act = self.next(&message.entries);
            let taken = || self.dialect.answer(&Says::Taken, &message).unwrap_or_default();
            match &act {
                Act::Says(says) => connection.writer.write_all(&self.dialect.answer(says, &message).unwrap())?,
                Act::TakesAndResets => {
                    connection.writer.write_all(&taken())?;
                    connection.reset();
                    return Ok(());
                }
                Act::TakesAndBreaksOff => {
                    let taken = taken();
                    return connection.writer.write_all(&taken[..taken.len() / 2]);
                }
                Act::TakesInSilence | Act::Resets => {
                    connection.reset();
                    return Ok(());
                }
                Act::Hangs => {
                    connection.hang();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A script that found something wrong has panicked; the peer goes on.
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is done with a message; what it takes is noted before anybody is told.
    fn next(&self, entries: &[Id]) -> Act {
        let mut told = self.told();
        let act = (self.script().act)(told.messages, entries);
        told.messages += 1;
        match &act {
            Act::Says(Says::Taken) | Act::TakesAndResets | Act::TakesAndBreaksOff | Act::TakesInSilence => {
                told.taken.extend_from_slice(entries);
            }
            Act::Says(Says::Refused(refused)) if self.dialect.takes_the_rest() => {
                told.taken.extend(entries.iter().filter(|entry| !refused.contains(entry)).cloned());
            }
            Act::Says(_) | Act::Resets | Act::Hangs => {}
        }
        act
    }
}
