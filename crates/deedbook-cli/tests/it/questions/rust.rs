//! The questions in Rust: requests to the service of the example where it has a handler for it, else transactions that
//! begin as its handlers begin them.

use std::error::Error;

use deedbook::postgres::{begin, bind, record_in};
use deedbook::{Actor, Context, Event, context};
use deedbook_testkit::postgres::Database;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio_postgres::Client;

use super::{Failures, QUESTIONS, RUST, TAMPERING};

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// The service, and what else it takes to ask.
struct Asking<'o> {
    pool: PgPool,
    service: String,
    http: reqwest::Client,
    owner: &'o Client,
}

/// Asks all of them.
pub(super) async fn ask(database: &Database, owner: &Client) -> Failures {
    let pool = PgPool::connect(&database.url_as("invoices_app")).await.expect("a connection");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let service = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(invoices_postgres::serve(listener, pool.clone()));
    let asking = Asking { pool, service, http: reqwest::Client::new(), owner };
    let mut failures = Failures::new();
    for (question, _) in QUESTIONS {
        if let Err(error) = context::scope(user("Grace"), asking.ask(question)).await {
            failures.insert(question, error.to_string());
        }
    }
    serving.abort();
    failures
}

fn user(name: &str) -> Context {
    Context::new().actor(Actor::new("user", name.to_lowercase()).named(name))
}

fn number_of(question: i32, number: i32) -> i32 {
    RUST + question * 1000 + number
}

/// `UPDATE`, or what else it is, of all invoices of a question.
fn those(sql: &str, question: i32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{sql} WHERE id >= {} AND id < {}", number_of(question, 0), number_of(question + 1, 0)))
}

async fn change(transaction: &mut PgConnection, id: i32, title: &str) -> Result<(), sqlx::Error> {
    let sql = "UPDATE invoices SET title = $2 WHERE id = $1";
    sqlx::query(sql).bind(id).bind(title).execute(transaction).await.map(drop)
}

fn checked(question: i32) -> deedbook::Result<Event> {
    let mut event = context::current().event("invoice.checked")?;
    event.targets.push(deedbook::Target::new("invoice", number_of(question, 0).to_string()));
    Ok(event)
}

fn refused<T, E>(answer: Result<T, E>) -> Done {
    if answer.is_ok() { Err("it was not refused".into()) } else { Ok(()) }
}

impl Asking<'_> {
    async fn ask(&self, question: usize) -> Done {
        match question {
            1 => self.rollback().await,
            2 => self.savepoint().await,
            3 => refused(self.pool.execute(those("UPDATE invoices SET cents = -1", 3)).await),
            4 => self.refused_inside().await,
            5 => self.bulk_insert().await,
            6 => self.bulk_update().await,
            7 => self.whole(those("UPDATE invoices SET state = 'sent'", 7), 1000).await,
            8 => self.raw_sql().await,
            9 => self.whole(those("DELETE FROM invoices", 9), 10).await,
            10 => self.request("PATCH", 10, "", &json!({ "title": "changed" }), 200).await,
            11 => self.whole(those("UPDATE invoices SET cents = cents + 5", 11), 10).await,
            12 => self.request_of_ada().await,
            13 => self.nested().await,
            14 => self.thread().await,
            15 => self.tasks().await,
            16 => self.no_outbox().await,
            17 => self.no_log().await,
            18 => self.tampering().await,
            19 => self.deleted_user().await,
            _ => self.deleted_object().await,
        }
    }

    /// A request as Grace about the first invoice of a question.
    async fn request(&self, method: &str, question: i32, path: &str, body: &Value, expected: u16) -> Done {
        let path = format!("/invoices/{}{path}", number_of(question, 0));
        self.send("grace", method, &path, body, expected).await
    }

    async fn send(&self, user: &str, method: &str, path: &str, body: &Value, expected: u16) -> Done {
        let request = self.http.request(method.parse()?, format!("{}{path}", self.service)).header("x-user", user);
        let request = request.header("x-request-id", "request-12").header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        let status = answer.status().as_u16();
        if status == expected { Ok(()) } else { Err(format!("{status}: {}", answer.text().await?).into()) }
    }

    /// In a transaction of its own; it must concern that many rows.
    async fn whole(&self, sql: AssertSqlSafe<String>, rows: u64) -> Done {
        let mut transaction = begin(&self.pool).await?;
        let concerned = transaction.execute(sql).await?.rows_affected();
        transaction.commit().await?;
        if concerned == rows { Ok(()) } else { Err(format!("it concerned {concerned} rows").into()) }
    }

    async fn rollback(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        change(&mut transaction, number_of(1, 0), "changed").await?;
        record_in(&mut transaction, checked(1)?).await?;
        transaction.rollback().await?;
        // The second price names no invoice, after the event was recorded and the first was updated.
        let prices = json!([{ "invoice": number_of(1, 1), "cents": 1 }, { "invoice": 1, "cents": 1 }]);
        self.send("grace", "POST", "/prices", &prices, 422).await
    }

    async fn savepoint(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        change(&mut transaction, number_of(2, 0), "changed").await?;
        let mut savepoint = transaction.begin().await?;
        change(&mut savepoint, number_of(2, 1), "changed").await?;
        record_in(&mut savepoint, checked(2)?).await?;
        savepoint.rollback().await?;
        Ok(transaction.commit().await?)
    }

    async fn refused_inside(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        change(&mut transaction, number_of(4, 0), "changed").await?;
        refused(transaction.execute(those("UPDATE invoices SET cents = -1", 4)).await)?;
        Ok(transaction.rollback().await?)
    }

    async fn bulk_insert(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        let sql =
            "INSERT INTO invoices (id, customer_id, title) SELECT $1 + n, 1, 'new ' || n FROM generate_series(0, 99) n";
        sqlx::query(sql).bind(number_of(5, 0)).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn bulk_update(&self) -> Done {
        let price = |number| json!({ "invoice": number_of(6, number), "cents": number_of(6, number) });
        let prices: Vec<Value> = (0..100).map(price).collect();
        self.send("grace", "POST", "/prices", &json!(prices), 200).await
    }

    async fn raw_sql(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        let sql = format!("UPDATE invoices SET title = 'changed' WHERE id = {}; SELECT 1", number_of(8, 0));
        transaction.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        Ok(transaction.commit().await?)
    }

    async fn request_of_ada(&self) -> Done {
        let path = format!("/invoices/{}/approve", number_of(12, 0));
        self.send("ada", "POST", &path, &json!({ "note": "asked by phone" }), 200).await
    }

    async fn nested(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        change(&mut transaction, number_of(13, 0), "changed").await?;
        context::scope(user("Sam"), async {
            bind(&mut transaction).await?;
            Done::Ok(change(&mut transaction, number_of(13, 1), "changed").await?)
        })
        .await?;
        bind(&mut transaction).await?;
        change(&mut transaction, number_of(13, 2), "changed").await?;
        Ok(transaction.commit().await?)
    }

    async fn thread(&self) -> Done {
        let (pool, runtime) = (self.pool.clone(), tokio::runtime::Handle::current());
        let thread = context::spawn_thread(move || {
            let work = async {
                let mut transaction = begin(&pool).await?;
                change(&mut transaction, number_of(14, 0), "changed").await?;
                Done::Ok(transaction.commit().await?)
            };
            runtime.block_on(work)
        });
        tokio::task::spawn_blocking(|| thread.join()).await?.map_err(|_| "the thread panicked")?
    }

    async fn tasks(&self) -> Done {
        let task = async |name, number| {
            let turns = async {
                for turn in 0..10 {
                    let mut transaction = begin(&self.pool).await?;
                    change(&mut transaction, number_of(15, number), &format!("turn {turn}")).await?;
                    transaction.commit().await?;
                }
                Done::Ok(())
            };
            context::scope(user(name), turns).await
        };
        tokio::try_join!(task("Ada", 0), task("Sam", 1)).map(drop)
    }

    async fn no_outbox(&self) -> Done {
        self.owner.batch_execute("ALTER TABLE deedbook.outbox RENAME TO outbox_away").await?;
        let request = self.request("PATCH", 16, "", &json!({ "title": "changed" }), 503).await;
        let mut transaction = begin(&self.pool).await?;
        let recorded = refused(record_in(&mut transaction, checked(16)?).await);
        transaction.rollback().await?;
        self.owner.batch_execute("ALTER TABLE deedbook.outbox_away RENAME TO outbox").await?;
        let sql = "SELECT title FROM invoices WHERE id = $1";
        let title: String = sqlx::query_scalar(sql).bind(number_of(16, 0)).fetch_one(&self.pool).await?;
        request.and(recorded)?;
        if title == "as it was" { Ok(()) } else { Err(format!("the title is {title:?}").into()) }
    }

    async fn no_log(&self) -> Done {
        let mut transaction = begin(&self.pool).await?;
        change(&mut transaction, number_of(17, 0), "changed").await?;
        record_in(&mut transaction, checked(17)?).await?;
        Ok(transaction.commit().await?)
    }

    async fn tampering(&self) -> Done {
        for sql in TAMPERING {
            let code = match self.pool.execute(sql).await {
                Ok(_) => return Err(format!("it was not refused: {sql}").into()),
                Err(error) => error.as_database_error().and_then(|error| error.code().map(String::from)),
            };
            if code.as_deref() != Some("42501") {
                return Err(format!("{sql} failed with {code:?}, which is not for want of a right").into());
            }
        }
        Ok(())
    }

    async fn deleted_user(&self) -> Done {
        let name = format!("Passer{RUST}");
        let id = name.to_lowercase();
        let of_users = async |sql: &'static str, values: &[&str]| {
            let mut transaction = begin(&self.pool).await?;
            let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
            query.execute(&mut *transaction).await?;
            Done::Ok(transaction.commit().await?)
        };
        of_users("INSERT INTO users (id, name) VALUES ($1, $2)", &[&id, &name]).await?;
        let path = format!("/invoices/{}", number_of(19, 0));
        self.send(&id, "PATCH", &path, &json!({ "title": "changed" }), 200).await?;
        of_users("DELETE FROM users WHERE id = $1", &[&id]).await
    }

    async fn deleted_object(&self) -> Done {
        self.request("PATCH", 20, "", &json!({ "title": "changed" }), 200).await?;
        self.request("DELETE", 20, "", &json!({}), 204).await
    }
}
