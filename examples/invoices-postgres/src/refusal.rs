//! Why a request is not answered with what it asked for. Whatever it had begun is rolled back.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(crate) enum Refusal {
    NotSignedIn,
    NotFound,
    /// What is wrong with the request.
    Wrong(&'static str),
    /// The database refused, or the event.
    Failed,
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::Database(error) if error.is_check_violation() => Self::Wrong("an amount is below zero"),
            sqlx::Error::Database(error) if error.is_foreign_key_violation() => {
                Self::Wrong("there is no such customer")
            }
            _ => Self::Failed,
        }
    }
}

impl From<deedbook::Error> for Refusal {
    fn from(_: deedbook::Error) -> Self {
        Self::Failed
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "say who you are: X-User"),
            Self::NotFound => (StatusCode::NOT_FOUND, "there is no such invoice"),
            Self::Wrong(what) => (StatusCode::UNPROCESSABLE_ENTITY, what),
            Self::Failed => (StatusCode::SERVICE_UNAVAILABLE, "the database takes nothing at the moment"),
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}
