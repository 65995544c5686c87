//! The service over HTTP. No function passes on who acts: the layer and the session told the context.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, Request, State as With};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use deedbook::event::Auth;
use deedbook::{Changes, Deedbook, Error, ErrorKind, Outcome, RequestLayer, auth, changes, context};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::events::{Invoice, InvoiceApproved, InvoiceCreated, State};
use crate::people::{self, Role, Session, Sessions};
use crate::reminders;

/// What all requests share.
struct Service {
    book: Deedbook,
    sessions: Sessions,
    invoices: Mutex<Vec<Invoice>>,
}

type Shared = With<Arc<Service>>;

/// The routes of the service, which records into `book`.
pub fn router(book: &Deedbook) -> Router {
    let service = Arc::new(Service { book: book.clone(), sessions: Sessions::default(), invoices: Mutex::default() });
    let signed_in = Router::new()
        .route("/sign-out", post(sign_out))
        .route("/invoices", post(create))
        .route("/invoices/{id}/approve", post(approve))
        .route("/reminders", post(remind))
        .route("/audit", get(audit))
        .route_layer(middleware::from_fn_with_state(service.clone(), authenticate));
    Router::new().route("/sign-in", post(sign_in)).merge(signed_in).layer(RequestLayer::new(book)).with_state(service)
}

/// Finds the session of the request and names its actor: for this handler, for what it starts, and for the event that
/// the request was handled.
async fn authenticate(With(service): Shared, mut request: Request, next: Next) -> Result<Response, Refusal> {
    let session = token(request.headers()).and_then(|token| service.sessions.get(token));
    let session = session.ok_or(Refusal::NotSignedIn)?;
    context::set_actor(session.actor())?;
    request.extensions_mut().insert(session);
    Ok(next.run(request).await)
}

#[derive(Deserialize)]
struct SignIn {
    name: String,
    password: String,
    on_behalf_of: Option<String>,
}

async fn sign_in(With(service): Shared, Json(body): Json<SignIn>) -> Result<Json<Value>, Refusal> {
    let user = people::named(&body.name);
    let Some(user) = user.filter(|user| user.password == body.password) else {
        let known = user.map(|user| user as &(dyn deedbook::Entity + Sync));
        let why = if known.is_some() { "wrong password" } else { "unknown user" };
        auth::sign_in_failed(&service.book, &body.name, known, why).await?;
        return Err(Refusal::NotSignedIn);
    };
    let on_behalf_of = body.on_behalf_of.as_deref().and_then(people::named);
    if body.on_behalf_of.is_some() && (user.role != Role::Support || on_behalf_of.is_none()) {
        auth::sign_in_failed(&service.book, &body.name, Some(user), "may not act for others").await?;
        return Err(Refusal::Denied);
    }
    auth::signed_in(&service.book, user, Auth { method: Some("password".to_owned()), ..Auth::default() }).await?;
    let token = service.sessions.begin(Session { user, on_behalf_of });
    Ok(Json(json!({ "token": token })))
}

async fn sign_out(With(service): Shared, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    auth::signed_out(&service.book).await?;
    service.sessions.end(token(&headers).unwrap_or_default());
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Create {
    title: String,
    cents: i64,
}

async fn create(With(service): Shared, Json(body): Json<Create>) -> Result<impl IntoResponse, Refusal> {
    let invoice = service.add(body);
    service.book.record(InvoiceCreated { invoice: &invoice, changes: Changes::creation(&invoice)? }).await?;
    Ok((StatusCode::CREATED, Json(invoice)))
}

#[derive(Deserialize)]
struct Approve {
    note: Option<String>,
}

async fn approve(
    With(service): Shared,
    Extension(session): Extension<Session>,
    Path(id): Path<u32>,
    Json(body): Json<Approve>,
) -> Result<Json<Invoice>, Refusal> {
    let invoice = service.find(id).ok_or(Refusal::NotFound)?;
    let may = session.may(Role::Manager);
    let approved = Invoice { state: if may { State::Approved } else { invoice.state }, ..invoice.clone() };
    let event = InvoiceApproved {
        invoice: &invoice,
        outcome: if may { Outcome::Success } else { Outcome::Denied },
        changes: changes(&invoice, &approved)?,
        note: body.note.as_deref(),
    };
    // Recorded before it is done: what cannot be recorded is not done.
    service.book.record(event).await?;
    if !may {
        return Err(Refusal::Denied);
    }
    service.replace(approved.clone());
    Ok(Json(approved))
}

/// Starts the job and waits for it; it keeps the request it was started by, and acts as itself.
async fn remind(With(service): Shared) -> Result<Json<Value>, Refusal> {
    let (book, invoices) = (service.book.clone(), service.lock().clone());
    let job = context::spawn(async move { reminders::send(&book, invoices).await });
    let sent = job.await.map_err(|_| Refusal::Broken)??;
    Ok(Json(json!({ "reminded": sent })))
}

#[derive(Deserialize)]
struct Audit {
    #[serde(default)]
    q: String,
}

/// Searches the log, oldest first: one line for each entry.
async fn audit(With(service): Shared, Query(audit): Query<Audit>) -> Result<String, Refusal> {
    let page = service.book.query(audit.q).oldest_first().limit(100).page().await?;
    let line = |entry: &deedbook::Entry| {
        let description = entry.event.description.as_deref().unwrap_or(&entry.event.action);
        format!("{}  {description}\n", entry.recorded_at)
    };
    Ok(page.entries.iter().map(line).collect())
}

fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

impl Service {
    fn add(&self, Create { title, cents }: Create) -> Invoice {
        let mut invoices = self.lock();
        let id = u32::try_from(invoices.len()).unwrap_or(u32::MAX).saturating_add(1);
        let invoice = Invoice { id, title, cents, state: State::Draft };
        invoices.push(invoice.clone());
        invoice
    }

    fn find(&self, id: u32) -> Option<Invoice> {
        self.lock().iter().find(|invoice| invoice.id == id).cloned()
    }

    fn replace(&self, changed: Invoice) {
        let mut invoices = self.lock();
        if let Some(invoice) = invoices.iter_mut().find(|invoice| invoice.id == changed.id) {
            *invoice = changed;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Invoice>> {
        self.invoices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a request is not answered with what it asked for.
enum Refusal {
    NotSignedIn,
    Denied,
    NotFound,
    Broken,
    /// The log refused; what was asked for was not done.
    Log(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Log(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "sign in first".to_owned()),
            Self::Denied => (StatusCode::FORBIDDEN, "you may not do this".to_owned()),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such invoice".to_owned()),
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the job broke off".to_owned()),
            Self::Log(error) if error.kind() == ErrorKind::Invalid => (StatusCode::BAD_REQUEST, error.to_string()),
            Self::Log(_) => (StatusCode::SERVICE_UNAVAILABLE, "the audit log takes nothing at the moment".to_owned()),
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}
