//! The schema `deedbook` of a database: its text, and how it gets there. Triggers are made for each table by [`capture`].

use deedbook_core::Result;
use tokio_postgres::Client;

use crate::capture;
use crate::failure::failed;

/// The schema without row capture as SQL, to be run in one transaction by whoever is to own it; it may be run again at any time.
///
/// It needs the right to create a schema in the database, and nothing else.
pub const SQL: &str = include_str!("schema.sql");

/// The rights of a role that runs the sequencer and does not own the schema, to be given by whoever does.
pub const SEQUENCER_GRANTS: &str = "\
GRANT SELECT, DELETE ON deedbook.outbox TO my_role;
GRANT SELECT ON deedbook.installation, deedbook.shape TO my_role;
GRANT INSERT ON deedbook.rejected TO my_role;";

/// Installs the schema, or brings it up to date; what is in its tables stays.
///
/// # Errors
/// [`Denied`](deedbook_core::ErrorKind::Denied) where the role may not create a schema, or another role owns it;
/// [`Unavailable`](deedbook_core::ErrorKind::Unavailable) where the server is not reached; else
/// [`Io`](deedbook_core::ErrorKind::Io).
pub async fn install(client: &mut Client) -> Result<()> {
    let doing = "install the schema `deedbook`";
    let transaction = client.transaction().await.map_err(|error| failed(doing, error))?;
    transaction.batch_execute(SQL).await.map_err(|error| failed(doing, error))?;
    transaction.batch_execute(capture::SQL).await.map_err(|error| failed(doing, error))?;
    transaction.commit().await.map_err(|error| failed(doing, error))
}
