//! A database by its address, and connections to it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use crate::failure::failed;

/// How long a connection may take, unless the address says otherwise.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A database: `postgresql://USER:PASSWORD@HOST/NAME`, or `host=… dbname=…`. It does not show its password. The
/// connection is not encrypted.
#[derive(Clone)]
pub struct Database(Config);

impl Database {
    /// A new connection, which ends when the client is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the server is not reached, [`ErrorKind::Denied`] where it refuses the login.
    pub async fn connect(&self) -> Result<Client> {
        let doing = "connect to the database";
        let (client, connection) = self.0.connect(NoTls).await.map_err(|error| failed(doing, error))?;
        // What ends a connection is told to whoever asks something of it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

impl FromStr for Database {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self> {
        let mut config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
            let message = "the address of the database is not valid; write postgresql://USER@HOST/NAME";
            Error::new(ErrorKind::Invalid, message).with_source(error)
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            let message = "connections to the database are not encrypted by Deedbook itself: leave sslmode=require out, \
                           and go through a socket, loopback, or a tunnel";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_MAX);
        }
        // A server that has vanished without a word is noticed within half a minute.
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(4);
        Ok(Self(config))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.0.get_dbname()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_keeps_its_secret() {
        let database: Database = "postgresql://app:canary@localhost/invoices".parse().expect("an address");
        assert_eq!(format!("{database:?}"), "Database { name: Some(\"invoices\"), .. }");
        for refused in ["nonsense", "postgresql://app:canary@localhost/invoices?sslmode=require", "host"] {
            let error = refused.parse::<Database>().expect_err(refused);
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
}
