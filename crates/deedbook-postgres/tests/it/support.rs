//! What the tests share: a database with the schema in it.

use deedbook_postgres::schema;
use deedbook_testkit::postgres::Database;

/// A database in which the schema was installed; `None` on a machine without PostgreSQL.
pub(crate) async fn installed(test: &str) -> Option<Database> {
    let database = Database::fresh(test).await?;
    schema::install(&mut database.connect().await).await.expect("the schema is installed");
    Some(database)
}

/// A role that can log in and has no rights but those that everyone has.
pub(crate) async fn role(database: &Database, name: &str) {
    // Roles belong to the whole server, which tests share.
    let sql = format!("CREATE ROLE {name} LOGIN");
    database.connect().await.batch_execute(&sql).await.expect("a role is made");
}
