//! The invoice service: opens the book, serves until interrupted, shuts the book down.
//!
//! `invoices` keeps its log in `./deedbook-data`; `DEEDBOOK_DATA` names another directory and `LISTEN` another address.

use std::net::SocketAddr;

use deedbook::Deedbook;
use deedbook::capture::Capture;
use deedbook::event::Source;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::var("DEEDBOOK_DATA").unwrap_or_else(|_| "./deedbook-data".to_owned());
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let source = Source { service: Some("invoices".to_owned()), version: Some("1.0".to_owned()), environment: None };
    let book =
        Deedbook::builder().source(source).capture(Capture::default().load()?).open(&format!("file:{directory}"))?;

    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("serving on http://{}, the log is in {directory}", listener.local_addr()?);
    let service = invoices::router(&book).into_make_service_with_connect_info::<SocketAddr>();
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, service).with_graceful_shutdown(interrupted).await?;
    book.shutdown().await?;
    Ok(())
}
