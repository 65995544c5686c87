//! The four pages. Who looks is said by `?as=`, where a real registry has its sessions.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use deedbook::client::{Found, Token};
use deedbook::{Error, ErrorKind};
use serde::Deserialize;

use crate::readers::Readers;
use crate::registry::Registry;

/// What all pages share.
struct Pages {
    registry: Arc<Registry>,
    readers: Readers,
}

type Shared = State<Arc<Pages>>;

/// The pages of `registry`.
pub fn router(registry: Arc<Registry>, readers: Readers) -> Router {
    Router::new()
        .route("/account", get(account))
        .route("/projects/{name}", get(project))
        .route("/admin", get(admin))
        .with_state(Arc::new(Pages { registry, readers }))
}

/// Who looks, and at what.
#[derive(Deserialize)]
struct Looking {
    r#as: String,
    #[serde(default)]
    q: String,
}

/// The security history of an account, for its owner.
async fn account(State(pages): Shared, Query(looking): Query<Looking>) -> Result<Html<String>, Refusal> {
    let user = pages.registry.user(&looking.r#as).ok_or(Refusal::Unknown)?;
    let token = pages.readers.of_account(&user).await?;
    pages.shown(&format!("The account of {}", user.name), token, &looking.q).await
}

/// The history of a project, for those who have a role in it; for everyone else there is no such page.
async fn project(
    State(pages): Shared,
    Path(name): Path<String>,
    Query(looking): Query<Looking>,
) -> Result<Html<String>, Refusal> {
    let user = pages.registry.user(&looking.r#as).ok_or(Refusal::Unknown)?;
    let project = pages.registry.project(&name).ok_or(Refusal::Unknown)?;
    let role = pages.registry.role(&user, &project).ok_or(Refusal::Unknown)?;
    let token = pages.readers.of_project(&project, role).await?;
    pages.shown(&format!("The project {}, seen as {}", project.name, role.as_str()), token, &looking.q).await
}

/// Everything, for administrators.
async fn admin(State(pages): Shared, Query(looking): Query<Looking>) -> Result<Html<String>, Refusal> {
    if looking.r#as != "admin" {
        return Err(Refusal::Unknown);
    }
    let token = pages.readers.of_everything().await?;
    pages.shown("The registry", token, &looking.q).await
}

impl Pages {
    async fn shown(&self, title: &str, token: Token, query: &str) -> Result<Html<String>, Refusal> {
        let entries = self.readers.page(token, query).await?;
        let lines: String = entries.iter().map(line).collect();
        let title = escaped(title);
        Ok(Html(format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ol>\n{lines}</ol>\n"
        )))
    }
}

/// A line of a page: what happened, in a sentence.
fn line(found: &Found) -> String {
    let event = &found.entry.event;
    format!("<li>{}\n", escaped(event.description.as_deref().unwrap_or(&event.action)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Why there is no page.
enum Refusal {
    Unknown,
    Log(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "there is no such page for you\n".to_owned()),
            Self::Log(error) if error.kind() == ErrorKind::Invalid => (StatusCode::BAD_REQUEST, format!("{error}\n")),
            Self::Log(error) => (StatusCode::BAD_GATEWAY, format!("the log does not answer: {error}\n")),
        }
        .into_response()
    }
}
