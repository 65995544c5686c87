//! The registry: plays some months of its life into the log, then serves the pages until interrupted.
//!
//! `DEEDBOOK_SERVER` is the server of the log, `DEEDBOOK_WRITE_TOKEN` and `DEEDBOOK_READ_TOKEN` are tokens of the tenant
//! `registry`; `LISTEN` names another address than 127.0.0.1:8080.

use std::sync::Arc;

use deedbook::Deedbook;
use registry::{Readers, Registry};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("set {name}; README.md tells how"));
    let (server, read) = (variable("DEEDBOOK_SERVER")?, variable("DEEDBOOK_READ_TOKEN")?);
    let book = Deedbook::connect(&server, &variable("DEEDBOOK_WRITE_TOKEN")?)?;
    let registry = Arc::new(Registry::new(book.clone()));
    registry::play(&registry).await?;
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("serving on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let pages = registry::router(registry, Readers::new(&server, &read)?);
    axum::serve(listener, pages).with_graceful_shutdown(interrupted).await?;
    book.shutdown().await?;
    Ok(())
}
