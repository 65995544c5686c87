//! The event that a request was handled.

use std::sync::Arc;
use std::time::Instant;

use deedbook_core::{Event, Http, Outcome, Result};

use crate::derived::Acting;
use crate::{Context, Deedbook, IntoEvent};

/// A request on its way that will be recorded.
pub(super) struct Pending {
    pub(super) book: Deedbook,
    pub(super) context: Context,
    pub(super) method: Arc<str>,
    pub(super) route: Option<Arc<str>>,
    pub(super) begun: Instant,
}

/// How it ended.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// With an answer of this status.
    Answered(u16),
    /// With an error of the service, which the server turns into an answer or a broken connection.
    Failed,
    /// The handler panicked.
    Panicked,
    /// The client went away, or somebody else let go of it.
    Abandoned,
}

impl Pending {
    /// Records that the request ended; by the actor of this moment, whom the handler may have named.
    pub(super) fn end(self, end: End) {
        let duration_ms = u64::try_from(self.begun.elapsed().as_millis()).ok();
        let status = if let End::Answered(status) = end { Some(status) } else { None };
        let method = Some(self.method.as_ref().to_owned());
        let route = self.route.as_deref().map(str::to_owned);
        let context = self.context.http(Http { method, route, status, duration_ms });
        let handled = RequestHandled { method: self.method, route: self.route, end };
        self.book.best_effort_within(context, handled);
    }
}

struct RequestHandled {
    method: Arc<str>,
    route: Option<Arc<str>>,
    end: End,
}

impl IntoEvent for RequestHandled {
    fn into_event(self, context: &Context) -> Result<Event> {
        let mut event = context.event("http.request_handled")?;
        event.category = Some("access".to_owned());
        event.outcome = Some(self.end.outcome());
        let route = self.route.as_deref().unwrap_or("what is not there");
        let how = match self.end {
            End::Answered(status) => status.to_string(),
            End::Failed => "failed".to_owned(),
            End::Panicked => "panicked".to_owned(),
            End::Abandoned => "abandoned".to_owned(),
        };
        event.description = Some(format!("{} requested {} {route}: {how}", Acting(&event.actor), self.method));
        context.fill(&mut event);
        Ok(event)
    }
}

impl End {
    fn outcome(self) -> Outcome {
        match self {
            Self::Answered(401 | 403) => Outcome::Denied,
            Self::Answered(0..=399) => Outcome::Success,
            Self::Answered(_) | Self::Failed | Self::Panicked => Outcome::Failure,
            Self::Abandoned => Outcome::Unknown,
        }
    }
}
