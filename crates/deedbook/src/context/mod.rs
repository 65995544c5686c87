//! Who acts, from where, in which request: [`Context`], and how the running task carries it.
//!
//! A context is set once, by the tower layer or by [`scope`], and every event that is recorded within takes what it
//! does not say itself from there. Nothing here records anything.

mod scoped;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use deedbook_core::{Auth, Credential, Http, Source};

use crate::{Actor, Error, ErrorKind, Event, Result};

#[cfg(feature = "tower")]
pub(crate) use scoped::enclosed;
pub use scoped::{Scoped, carry, carry_fn, current, scope, scope_sync, set_actor, spawn_thread};
#[cfg(feature = "tokio")]
pub use scoped::{spawn, spawn_blocking};

/// Who acts, for whom, from where and in which request, as far as it is known; cheap to clone.
///
/// What is not set is taken from the context outside of it when [`scope`] begins.
///
/// ```
/// use deedbook::{Actor, Context, context};
///
/// let nightly = Context::new().actor(Actor::new("service", "billing")).correlation_id("run-42");
/// context::scope_sync(nightly, || {
///     assert_eq!(context::current().get_actor().and_then(|actor| actor.id.clone()).as_deref(), Some("billing"));
/// });
/// assert!(context::current().get_actor().is_none());
/// ```
#[derive(Clone, Default)]
pub struct Context {
    actor: Who,
    fields: Arc<Fields>,
}

/// Everything but the actor. Absent means: as in the context outside of this one.
#[derive(Clone, Debug, Default)]
struct Fields {
    tenant: Option<Arc<str>>,
    ip: Option<IpAddr>,
    user_agent: Option<Arc<str>>,
    request_id: Option<Arc<str>>,
    session_id: Option<Arc<str>>,
    trace_id: Option<Arc<str>>,
    auth: Option<Arc<Auth>>,
    http: Option<Arc<Http>>,
    correlation_id: Option<Arc<str>>,
    transaction_id: Option<Arc<str>>,
    reason: Option<Arc<str>>,
    source: Option<Arc<Source>>,
}

/// Where a context knows its actor from.
#[derive(Clone, Default)]
enum Who {
    /// Not known here.
    #[default]
    Unset,
    /// Known for good.
    Fixed(Arc<Actor>),
    /// In the cell of the scope, which [`set_actor`] may still fill.
    Cell(Arc<ActorCell>),
}

/// The actor of one scope: all tasks of a request share it, so that whoever authenticates late names the actor for all.
#[derive(Default)]
struct ActorCell(RwLock<Option<Arc<Actor>>>);

impl ActorCell {
    fn get(&self) -> Option<Arc<Actor>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, actor: Arc<Actor>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }
}

impl Context {
    /// A context that sets nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who really acts; whose authority is used stands in [`Actor::on_behalf_of`].
    pub fn actor(self, actor: Actor) -> Self {
        Self { actor: Who::Fixed(Arc::new(actor)), ..self }
    }

    /// In whose log events are entered that do not name a tenant.
    pub fn tenant(self, tenant: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.tenant = Some(tenant.into()))
    }

    /// Address of the client; personal.
    pub fn ip(self, ip: IpAddr) -> Self {
        self.with(|fields| fields.ip = Some(ip))
    }

    /// Name of the client's program as it sent it, at most 1,024 bytes; personal.
    pub fn user_agent(self, user_agent: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.user_agent = Some(user_agent.into()))
    }

    /// At most 256 bytes, as all ids here.
    pub fn request_id(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.request_id = Some(id.into()))
    }

    /// The session of the client.
    pub fn session_id(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.session_id = Some(id.into()))
    }

    /// W3C trace id.
    pub fn trace_id(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.trace_id = Some(id.into()))
    }

    /// How the actor has proven who they are.
    pub fn auth(self, auth: Auth) -> Self {
        self.with(|fields| fields.auth = Some(Arc::new(auth)))
    }

    /// The key that was used; keeps what [`Context::auth`] said besides.
    pub fn credential(self, credential: Credential) -> Self {
        let auth = self.fields.auth.as_deref().cloned().unwrap_or_default();
        self.auth(Auth { credential: Some(credential), ..auth })
    }

    /// The request.
    pub fn http(self, http: Http) -> Self {
        self.with(|fields| fields.http = Some(Arc::new(http)))
    }

    /// Joins the events of one piece of business.
    pub fn correlation_id(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.correlation_id = Some(id.into()))
    }

    /// Joins the events of one database transaction or batch.
    pub fn transaction_id(self, id: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.transaction_id = Some(id.into()))
    }

    /// Why, in the words of whoever acts.
    pub fn reason(self, reason: impl Into<Arc<str>>) -> Self {
        self.with(|fields| fields.reason = Some(reason.into()))
    }

    /// Which program records.
    pub fn source(self, source: Source) -> Self {
        self.with(|fields| fields.source = Some(Arc::new(source)))
    }

    fn with(mut self, change: impl FnOnce(&mut Fields)) -> Self {
        change(Arc::make_mut(&mut self.fields));
        self
    }

    /// Who acts, as far as it is known at this moment.
    pub fn get_actor(&self) -> Option<Arc<Actor>> {
        match &self.actor {
            Who::Unset => None,
            Who::Fixed(actor) => Some(actor.clone()),
            Who::Cell(cell) => cell.get(),
        }
    }

    /// The tenant, where one is set.
    pub fn get_tenant(&self) -> Option<&str> {
        self.fields.tenant.as_deref()
    }

    /// The id of the request, where one is set.
    pub fn get_request_id(&self) -> Option<&str> {
        self.fields.request_id.as_deref()
    }

    /// This context, with what it does not set taken from `outer`.
    pub fn within(self, outer: &Self) -> Self {
        let actor = match self.actor {
            Who::Unset => outer.actor.clone(),
            known => known,
        };
        if Arc::ptr_eq(&self.fields, &outer.fields) {
            return Self { actor, ..self };
        }
        let (own, outer) = (&*self.fields, &*outer.fields);
        let fields = Fields {
            tenant: either(&own.tenant, &outer.tenant),
            ip: own.ip.or(outer.ip),
            user_agent: either(&own.user_agent, &outer.user_agent),
            request_id: either(&own.request_id, &outer.request_id),
            session_id: either(&own.session_id, &outer.session_id),
            trace_id: either(&own.trace_id, &outer.trace_id),
            auth: either(&own.auth, &outer.auth),
            http: either(&own.http, &outer.http),
            correlation_id: either(&own.correlation_id, &outer.correlation_id),
            transaction_id: either(&own.transaction_id, &outer.transaction_id),
            reason: either(&own.reason, &outer.reason),
            source: either(&own.source, &outer.source),
        };
        Self { actor, fields: Arc::new(fields) }
    }

    /// An event with this action, done by the actor of this context; nothing else of it is filled in yet.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where nobody is known to act: an audit log never guesses who did it.
    pub fn event(&self, action: impl Into<String>) -> Result<Event> {
        let action = action.into();
        match self.get_actor() {
            Some(actor) => Ok(Event::new(action, Actor::clone(&actor))),
            None => Err(nobody_acts(&action)),
        }
    }

    /// Fills in what `event` does not say itself. The actor of the event stays.
    pub fn fill(&self, event: &mut Event) {
        let fields = &*self.fields;
        fill_text(&mut event.tenant, &fields.tenant);
        fill_text(&mut event.correlation_id, &fields.correlation_id);
        fill_text(&mut event.transaction_id, &fields.transaction_id);
        fill_text(&mut event.reason, &fields.reason);
        fill_part(&mut event.source, &fields.source);
        let context = &mut event.context;
        context.ip = context.ip.or(fields.ip);
        fill_text(&mut context.user_agent, &fields.user_agent);
        fill_text(&mut context.request_id, &fields.request_id);
        fill_text(&mut context.session_id, &fields.session_id);
        fill_text(&mut context.trace_id, &fields.trace_id);
        fill_part(&mut context.auth, &fields.auth);
        fill_part(&mut context.http, &fields.http);
    }

    /// What of it a transaction of a database is told: the members of an event that it gives, in canonical JSON; `None`
    /// where it gives none.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], [`ErrorKind::TooLarge`] where an event with them would be refused.
    #[cfg(any(feature = "sqlx-postgres", feature = "tokio-postgres"))]
    pub(crate) fn claim(&self) -> Result<Option<String>> {
        let actor = self.get_actor();
        let whole = actor.as_deref().cloned().unwrap_or_else(|| Actor::without_id("anonymous"));
        let mut event = Event::new("context.claimed", whole);
        self.fill(&mut event);
        let draft = deedbook_core::prepare(event, &deedbook_core::Limits::default(), || [0; 16])?;
        let claim = serde_json::from_slice(&draft.claim());
        let mut claim: serde_json::Map<String, serde_json::Value> =
            claim.map_err(|error| Error::new(ErrorKind::Invalid, "the context is no JSON").with_source(error))?;
        for filled_in in ["action", "id", "outcome"] {
            claim.remove(filled_in);
        }
        if actor.is_none() {
            claim.remove("actor");
        }
        Ok((!claim.is_empty()).then(|| serde_json::Value::Object(claim).to_string()))
    }

    /// The same context with the actor of this moment, whoever is named later.
    pub(crate) fn frozen(self) -> Self {
        let actor = self.get_actor().map_or(Who::Unset, Who::Fixed);
        Self { actor, ..self }
    }

    /// The same context with a cell for the actor, so that it can be named later.
    fn bindable(self) -> Self {
        let actor = match self.actor {
            Who::Cell(_) => self.actor,
            Who::Unset => Who::Cell(Arc::default()),
            Who::Fixed(actor) => {
                let cell = ActorCell::default();
                cell.set(actor);
                Who::Cell(Arc::new(cell))
            }
        };
        Self { actor, ..self }
    }

    /// Names the actor in the cell of the scope, if there is one.
    fn bind(&self, actor: Actor) -> Option<()> {
        match &self.actor {
            Who::Cell(cell) => {
                cell.set(Arc::new(actor));
                Some(())
            }
            Who::Unset | Who::Fixed(_) => None,
        }
    }
}

fn either<T: ?Sized>(own: &Option<Arc<T>>, outer: &Option<Arc<T>>) -> Option<Arc<T>> {
    own.as_ref().or(outer.as_ref()).cloned()
}

fn fill_text(place: &mut Option<String>, text: &Option<Arc<str>>) {
    if place.is_none() {
        *place = text.as_deref().map(str::to_owned);
    }
}

fn fill_part<T: Clone>(place: &mut Option<T>, part: &Option<Arc<T>>) {
    if place.is_none() {
        *place = part.as_deref().cloned();
    }
}

fn nobody_acts(action: &str) -> Error {
    let message = format!(
        "nobody is known to act in {action:?}; run it within `context::scope` with an actor, name one by \
         `context::set_actor`, or give the book one by `Deedbook::builder().actor(…)`"
    );
    Error::new(ErrorKind::Invalid, message)
}

impl fmt::Debug for Context {
    /// Tells what is set, not to what: most of it is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = &*self.fields;
        let actor = self.get_actor();
        f.debug_struct("Context")
            .field("actor", &actor.as_ref().map(|actor| (&actor.kind, &actor.id)))
            .field("tenant", &fields.tenant)
            .field("request_id", &fields.request_id)
            .field("correlation_id", &fields.correlation_id)
            .finish_non_exhaustive()
    }
}
