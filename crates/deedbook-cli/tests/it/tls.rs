//! A server behind TLS, as a proxy in front of it gives it; certificates are those of `tests/tls`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::remote::{ADMIN, Served};
use crate::support::{Room, Run};

/// A file of the certificates of tests.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Takes off TLS and passes on, until one side ends; a client that does not trust us breaks off before.
async fn pass_on(near: TcpStream, acceptor: TlsAcceptor, server: SocketAddr) -> std::io::Result<()> {
    let mut near = acceptor.accept(near).await?;
    let mut far = TcpStream::connect(server).await?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
}

/// Takes off TLS and passes on to `server`, as long as this process lives; gives its port.
fn proxy(server: SocketAddr) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let acceptor = acceptor();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(pass_on(near, acceptor.clone(), server));
            }
        })
    });
    port
}

#[test]
fn a_server_behind_tls_is_trusted_by_its_authority_and_name_alone() {
    let room = Room::new();
    let served = Served::on(&room, "127.0.0.1:0");
    let port = proxy(served.url.strip_prefix("http://").unwrap().parse().unwrap());
    let run = &|host: &str, authority: &Path, arguments: &[&str]| {
        let mut command = room.command();
        command.env("DEEDBOOK_SERVER", format!("https://{host}:{port}")).env("DEEDBOOK_TOKEN", ADMIN);
        command.env("SSL_CERT_FILE", authority).env_remove("SSL_CERT_DIR");
        Run::of(command.args(arguments).output().unwrap())
    };
    let trusted = file("authority.pem");
    run("localhost", &trusted, &["record", "a.b", "--actor", "system", "--id", "x"]).exits(0);
    assert_eq!(run("localhost", &trusted, &["log", "--count"]).exits(0).stdout, "1\n");
    assert_eq!(run("localhost", &trusted, &["get", "x"]).exits(0).json()["id"], "x");
    // Another authority, another name, and no TLS at all; each is tried until its time is up.
    std::thread::scope(|scope| {
        for (host, authority) in [("localhost", file("server.pem")), ("127.0.0.1", trusted.clone())] {
            scope.spawn(move || {
                let refused = run(host, &authority, &["log", "--count"]).exits(12);
                assert!(!refused.stderr.contains(ADMIN), "{}", refused.stderr);
                refused.says(&[
                    "the certificate of the server was refused",
                    "SSL_CERT_FILE",
                    "invalid peer certificate",
                ]);
            });
        }
        let mut plain = room.command();
        plain.args(["log", "--server", &format!("http://localhost:{port}"), "--token", ADMIN]);
        Run::of(plain.output().unwrap()).exits(12);
    });
}
