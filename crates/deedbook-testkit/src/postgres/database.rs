//! One server for the tests of a binary, and in it a database for each test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_postgres::{Client, NoTls};

use super::server::Server;
use crate::skipped;

/// A database that is empty at first, on a server that is shared with other tests; the server stops when the last of
/// them lets go.
pub struct Database {
    server: Arc<Server>,
    name: String,
}

/// What tests want beyond the defaults; a lost power supply is simulated by none of them.
const SETTINGS: &[(&str, &str)] = &[("fsync", "off"), ("max_prepared_transactions", "16"), ("max_connections", "60")];

impl Database {
    /// A new one; `None`, said aloud, on a machine without PostgreSQL. `test` is named then.
    ///
    /// # Panics
    /// Where the server does not start; without PostgreSQL where `CI` is set.
    pub async fn fresh(test: &str) -> Option<Self> {
        if !Server::is_installed() {
            let why = "no initdb on PATH or in /usr/lib/postgresql: install postgresql";
            skipped(test, why);
            assert!(std::env::var_os("CI").is_none(), "SKIPPED {test}: {why}");
            return None;
        }
        let database = Self::on(shared());
        Some(database.created().await)
    }

    /// A new one on this server.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn on_server(server: Arc<Server>) -> Self {
        Self::on(server).created().await
    }

    fn on(server: Arc<Server>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        Self { server, name: format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed)) }
    }

    async fn created(self) -> Self {
        let client = connect(&self.server.url("postgres")).await;
        client.batch_execute(&format!("CREATE DATABASE {}", self.name)).await.expect("a database is made");
        self
    }

    /// Its address, for any client; whoever connects by it owns everything.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Its address for another role.
    pub fn url_as(&self, role: &str) -> String {
        self.server.url_as(&self.name, role)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// A connection to it as the owner of everything.
    ///
    /// # Panics
    /// Where there is none to be had.
    pub async fn connect(&self) -> Client {
        connect(&self.url()).await
    }

    /// A connection to it as another role, which must exist.
    ///
    /// # Panics
    /// Where there is none to be had.
    pub async fn connect_as(&self, role: &str) -> Client {
        connect(&self.url_as(role)).await
    }
}

/// The server of this process, as long as anyone holds it.
fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Server::start(&std::env::temp_dir(), SETTINGS).expect("PostgreSQL starts");
        let server = Arc::new(server);
        *shared = Arc::downgrade(&server);
        server
    })
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL is reached");
    tokio::spawn(async move { drop(connection.await) });
    client
}
