//! The driver sqlx.

use deedbook_core::{Error, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};

use super::sealed;

impl super::Transaction for Transaction<'_, Postgres> {}

impl sealed::Call for Transaction<'_, Postgres> {
    async fn call(&mut self, sql: &'static str, values: &[Option<&str>]) -> Result<()> {
        sealed::Call::call(&mut **self, sql, values).await
    }
}

impl super::Transaction for PgConnection {}

impl sealed::Call for PgConnection {
    async fn call(&mut self, sql: &'static str, values: &[Option<&str>]) -> Result<()> {
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
        query.execute(self).await.map_err(failed)?;
        Ok(())
    }
}

impl super::Begin for &PgPool {}

impl sealed::Begin for &PgPool {
    type Transaction = Transaction<'static, Postgres>;

    async fn begin(self, claim: Option<String>) -> Result<Self::Transaction> {
        match claim {
            Some(claim) => self.begin_with(AssertSqlSafe(begin_with(&claim))).await,
            None => self.begin().await,
        }
        .map_err(failed)
    }
}

impl super::Begin for &mut PgConnection {}

impl<'connection> sealed::Begin for &'connection mut PgConnection {
    type Transaction = Transaction<'connection, Postgres>;

    async fn begin(self, claim: Option<String>) -> Result<Self::Transaction> {
        match claim {
            Some(claim) => self.begin_with(AssertSqlSafe(begin_with(&claim))).await,
            None => Connection::begin(self).await,
        }
        .map_err(failed)
    }
}

/// Two statements in one message. In a text that begins with `E` a backslash is one whatever the session has set
/// `standard_conforming_strings` to.
fn begin_with(claim: &str) -> String {
    let escaped = claim.replace('\\', "\\\\").replace('\'', "''");
    format!("BEGIN; SELECT deedbook.context(E'{escaped}')")
}

fn failed(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    super::failed(code.as_deref(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_one_text() {
        assert_eq!(begin_with(r"a'b\'c\\"), r"BEGIN; SELECT deedbook.context(E'a''b\\''c\\\\')");
    }
}
