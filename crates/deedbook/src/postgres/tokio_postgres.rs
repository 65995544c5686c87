//! The driver tokio-postgres.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use deedbook_core::{Error, Result};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Transaction};

use super::sealed;

impl super::Transaction for Transaction<'_> {}

impl sealed::Call for Transaction<'_> {
    async fn call(&mut self, sql: &'static str, values: &[Option<&str>]) -> Result<()> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> =
            values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::TEXT)).collect();
        self.execute_typed(sql, &values).await.map_err(failed)?;
        Ok(())
    }
}

impl super::Begin for &mut Client {}

impl<'client> sealed::Begin for &'client mut Client {
    type Transaction = Transaction<'client>;

    async fn begin(self, claim: Option<String>) -> Result<Transaction<'client>> {
        let mut transaction = self.transaction().await.map_err(failed)?;
        if let Some(claim) = claim {
            let values = [Some(claim.as_str())];
            sent(sealed::Call::call(&mut transaction, "SELECT deedbook.context($1)", &values)).await?;
        }
        Ok(transaction)
    }
}

/// Sends a request and does not wait for its answer: requests are sent when they are first polled, and answered in that
/// order, so it is done before whatever comes next. Where it fails, the transaction has failed.
async fn sent(request: impl Future<Output = Result<()>>) -> Result<()> {
    let mut request = pin!(request);
    poll_fn(|context| match request.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(answer),
        Poll::Pending => Poll::Ready(Ok(())),
    })
    .await
}

fn failed(error: tokio_postgres::Error) -> Error {
    let code = error.code().map(|code| code.code().to_owned());
    super::failed(code.as_deref(), error)
}
