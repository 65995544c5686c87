//! The invoice service: connects to `DATABASE_URL` and serves on `LISTEN` until interrupted.

use sqlx::PgPool;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set: the address of the database")?;
    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let pool = PgPool::connect(&database).await?;
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("serving on http://{}", listener.local_addr()?);
    tokio::select! {
        served = invoices_postgres::serve(listener, pool) => served?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
