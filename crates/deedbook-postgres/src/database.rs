//! A database by its address, and connections to it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use deedbook_core::{Error, ErrorKind, Result};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::failed;

/// How long a connection may take, unless the address says otherwise.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A database: `postgresql://USER:PASSWORD@HOST/NAME`, or `host=… dbname=…`. It does not show its password.
///
/// A connection to another machine is encrypted, and the certificate has to be for its name and of an authority that
/// this machine trusts, or that is in the file which `SSL_CERT_FILE` names; `sslmode=disable` turns that off. One to a
/// socket or to loopback is encrypted, in the same way, where `sslmode=require` asks for it.
#[derive(Clone)]
pub struct Database(Config);

impl Database {
    /// A new connection, which ends when the client is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the server is not reached, [`ErrorKind::Denied`] where it refuses the login.
    pub async fn connect(&self) -> Result<Client> {
        match self.0.get_ssl_mode() {
            SslMode::Require => self.connect_by(encryption()?).await,
            _ => self.connect_by(NoTls).await,
        }
    }

    async fn connect_by<T>(&self, tls: T) -> Result<Client>
    where
        T: MakeTlsConnect<Socket, Stream: Send + 'static, TlsConnect: Send>,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let doing = "connect to the database";
        let (client, connection) = self.0.connect(tls).await.map_err(|error| failed(doing, error))?;
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
        if config.get_ssl_mode() == SslMode::Prefer {
            let is_near = config.get_hosts().iter().all(is_near);
            config.ssl_mode(if is_near { SslMode::Disable } else { SslMode::Require });
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

/// Whether what is sent there stays on this machine.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn encryption() -> Result<MakeRustlsConnect> {
    let (encryption, _) = MakeRustlsConnect::with_native_certs().map_err(|errors| {
        let message = "this machine has no certificates of authorities, by which that of the database is judged: install \
                       them (ca-certificates), or name a file with SSL_CERT_FILE";
        let error = Error::new(ErrorKind::Io, message);
        errors.into_iter().next().map_or(error.clone(), |first| error.with_source(first))
    })?;
    Ok(encryption)
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
        for refused in ["nonsense", "postgresql://app:canary@localhost/invoices?sslmode=perhaps", "host"] {
            let error = refused.parse::<Database>().expect_err(refused);
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted() {
        let mode = |address: &str| address.parse::<Database>().expect(address).0.get_ssl_mode();
        let near =
            ["host=/run/postgresql", "postgresql://localhost/a", "postgresql://127.0.0.2/a", "host=::1", "dbname=a"];
        for address in near {
            assert_eq!(mode(address), SslMode::Disable, "{address}");
        }
        let far = [
            "postgresql://db.example/a",
            "host=192.0.2.1",
            "host=localhost,db.example",
            "host=localhost sslmode=require",
        ];
        for address in far {
            assert_eq!(mode(address), SslMode::Require, "{address}");
        }
        assert_eq!(mode("host=db.example sslmode=disable"), SslMode::Disable);
    }
}
