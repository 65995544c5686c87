//! The history of a thing, asked of a server.

use deedbook_core::history::{Diff, Effect, Moment, Restoration, State, TargetId};
use deedbook_core::{ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::answer::{Answer, strange};
use super::call::Call;
use super::entry::Found;
use super::read::cursor;
use super::{Ask, Client};

/// An entry about a thing, and what it did to the thing.
#[derive(Clone, Debug)]
pub struct FoundVersion {
    /// The entry; its JSON has the member `effect` too.
    pub found: Found,
    /// What it did.
    pub effect: Effect,
}

/// Some of the entries about a thing, in the order asked for.
#[derive(Clone, Debug)]
pub struct FoundVersions {
    /// At most as many as asked for; fewer where they are large.
    pub versions: Vec<FoundVersion>,
    /// The cursor for [`Ask::after`], to go on; `None` at the end.
    pub next: Option<String>,
}

/// One entry about a thing and its neighbours among them.
#[derive(Clone, Debug)]
pub struct FoundAround {
    /// The one before it.
    pub previous: Option<FoundVersion>,
    /// The entry itself.
    pub version: FoundVersion,
    /// The one after it.
    pub next: Option<FoundVersion>,
}

/// The parameters of a question about a thing.
type Parameters = Vec<(&'static str, String)>;

impl Client {
    /// One page of the entries about a thing.
    ///
    /// # Errors
    /// As [`Client::page`].
    pub async fn versions(&self, target: &TargetId, ask: &Ask) -> Result<FoundVersions> {
        let mut query = ask.page();
        query.push(("target", target.to_string()));
        let answer = self.repeat(&Call::get(&["v1", "history"], query), self.deadline()).await?;
        let page: PageIn<'_> = answer.json()?;
        Ok(FoundVersions {
            versions: page.data.into_iter().map(FoundVersion::read).collect::<Result<_>>()?,
            next: page.next.map(|url| cursor(&url, "after")).transpose()?,
        })
    }

    /// A thing at a moment. `None` where no entry that the token may see is about the thing, or where the moment is an
    /// event that is not.
    ///
    /// # Errors
    /// As [`Client::get`]; [`ErrorKind::TooLarge`] for a thing with too many fields.
    pub async fn state(&self, target: &TargetId, tenant: Option<&str>, at: &Moment) -> Result<Option<State>> {
        self.told("as-of", parameters(target, tenant, &[("at", at)])).await
    }

    /// What differs between two moments; `None` as for [`Client::state`].
    ///
    /// # Errors
    /// As [`Client::state`].
    pub async fn diff(
        &self,
        target: &TargetId,
        tenant: Option<&str>,
        from: &Moment,
        to: &Moment,
    ) -> Result<Option<Diff>> {
        self.told("diff", parameters(target, tenant, &[("from", from), ("to", to)])).await
    }

    /// The way back to a moment; `None` as for [`Client::state`].
    ///
    /// # Errors
    /// As [`Client::state`].
    pub async fn restore(&self, target: &TargetId, tenant: Option<&str>, to: &Moment) -> Result<Option<Restoration>> {
        self.told("restore", parameters(target, tenant, &[("to", to)])).await
    }

    /// The entry of an event with the one before it and the one after it; `None` where it is not about the thing, or not
    /// for this token to see.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn around(&self, target: &TargetId, tenant: Option<&str>, id: &str) -> Result<Option<FoundAround>> {
        let Some(answer) = self.found(&["v1", "history", id], parameters(target, tenant, &[])).await? else {
            return Ok(None);
        };
        let around: AroundIn<'_> = answer.json()?;
        Ok(Some(FoundAround {
            previous: around.previous.map(FoundVersion::read).transpose()?,
            version: FoundVersion::read(around.data)?,
            next: around.next.map(FoundVersion::read).transpose()?,
        }))
    }

    async fn told<T: DeserializeOwned>(&self, name: &str, query: Parameters) -> Result<Option<T>> {
        self.found(&["v1", name], query).await?.map(|answer| answer.json()).transpose()
    }

    async fn found(&self, path: &[&str], query: Parameters) -> Result<Option<Answer>> {
        match self.repeat(&Call::get(path, query), self.deadline()).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn parameters(target: &TargetId, tenant: Option<&str>, moments: &[(&'static str, &Moment)]) -> Parameters {
    let mut query = vec![("target", target.to_string())];
    query.extend(tenant.map(|tenant| ("tenant", tenant.to_owned())));
    query.extend(moments.iter().map(|(name, moment)| (*name, moment.to_string())));
    query
}

/// A page on the wire.
#[derive(Deserialize)]
struct PageIn<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    next: Option<String>,
}

/// An entry and its neighbours on the wire.
#[derive(Deserialize)]
struct AroundIn<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    previous: Option<&'a RawValue>,
    #[serde(borrow)]
    next: Option<&'a RawValue>,
}

/// What an entry on the wire did to the thing.
#[derive(Deserialize)]
struct EffectIn {
    effect: Effect,
}

impl FoundVersion {
    fn read(json: &RawValue) -> Result<Self> {
        let effect: EffectIn = serde_json::from_str(json.get())
            .map_err(|error| strange("an entry in it has no effect").with_source(error))?;
        Ok(Self { found: Found::read(json)?, effect: effect.effect })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use deedbook_core::history::{Existence, FieldValue, Unknown};
    use reqwest::Request;
    use serde_json::{Value, json};

    use super::*;
    use crate::client::address::Address;
    use crate::client::transport::{Sending, Transport};
    use crate::client::{ClientOptions, Token};

    /// Gives one answer to everything, and keeps what was asked.
    #[derive(Clone)]
    struct Peer {
        status: u16,
        body: String,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Transport for Peer {
        fn send(&self, request: Request) -> Sending<'_> {
            let url = request.url();
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            self.asked.lock().expect("not poisoned").push(format!("{}{query}", url.path()));
            let response = http::Response::builder().status(self.status).body(self.body.clone());
            Box::pin(async move { Ok(response.expect("a response").into()) })
        }
    }

    /// A client of a server that answers this, and the list of what it is asked.
    fn answering(status: u16, body: Value) -> (Client, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let peer = Peer { status, body: body.to_string(), asked: asked.clone() };
        let address = Address::parse("http://peer.test").expect("an address");
        let token = Token::new("deed_read_x").expect("a token");
        (Client::over(Box::new(peer), address, token, ClientOptions::default()), asked)
    }

    fn version(id: &str, effect: &str) -> Value {
        json!({ "effect": effect, "id": id, "tenant": "acme", "action": "invoice.created", "seq": 4,
            "actor": { "type": "user", "id": "ada" }, "recorded_at": "2026-09-20T14:03:27.481512Z" })
    }

    fn target() -> TargetId {
        "invoice:7".parse().expect("a thing")
    }

    #[tokio::test]
    async fn a_state_is_read_as_it_was_written() {
        let mark = json!({ "id": "e1", "action": "invoice.created", "actor": { "type": "user", "id": "ada" },
            "occurred_at": "2026-09-20T14:03:27.481512Z", "recorded_at": "2026-09-20T14:03:28.000000Z" });
        let written = json!({ "target": "invoice:7", "at": { "event": "2026" }, "existence": "exists", "sight": "part",
            "created_by": mark, "document": { "a": null }, "incomplete": [], "contradictions": [],
            "fields": [{ "path": "/a", "value": null, "set_by": mark }, { "path": "/b", "unknown": "redacted" }] });
        let (client, asked) = answering(200, written.clone());
        let at = Moment::Event("2026".to_owned());
        let state = client.state(&target(), Some("acme"), &at).await.expect("an answer").expect("a state");
        assert_eq!(*asked.lock().expect("not poisoned"), ["/v1/as-of?target=invoice%3A7&tenant=acme&at=id%3A2026"]);
        assert_eq!((state.existence, &state.at), (Existence::Exists, &at));
        assert_eq!(state.fields[0].value, FieldValue::Known(Value::Null));
        assert_eq!(state.fields[1].value, FieldValue::Unknown(Unknown::Redacted));
        assert_eq!(serde_json::to_value(&state).expect("JSON"), written);
    }

    #[tokio::test]
    async fn pages_and_neighbours_have_their_effects() {
        let next = "http://elsewhere/v1/history?after=c2&limit=1";
        let page = json!({ "data": [version("e1", "created")], "next": next, "prev": null, "has_more": true });
        let (client, asked) = answering(200, page);
        let found = client.versions(&target(), &Ask::new("change:/a").limit(1)).await.expect("a page");
        assert_eq!((found.versions[0].effect, found.versions[0].found.entry.id()), (Effect::Created, "e1"));
        assert_eq!(found.next.as_deref(), Some("c2"));
        assert_eq!(asked.lock().expect("not poisoned")[0], "/v1/history?q=change%3A%2Fa&limit=1&target=invoice%3A7");
        let around = json!({ "data": version("e2", "changed"), "previous": version("e1", "created"), "next": null });
        let (client, asked) = answering(200, around);
        let found = client.around(&target(), None, "e2").await.expect("an answer").expect("an entry");
        assert_eq!(found.previous.map(|previous| previous.effect), Some(Effect::Created));
        assert_eq!((found.version.effect, found.next.is_none()), (Effect::Changed, true));
        assert_eq!(*asked.lock().expect("not poisoned"), ["/v1/history/e2?target=invoice%3A7"]);
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_nonsense_is_an_error() {
        let (client, _) = answering(404, json!({ "code": "not_found", "detail": "no", "request_id": "r" }));
        assert!(client.diff(&target(), None, &Moment::Latest, &Moment::Latest).await.expect("an answer").is_none());
        assert!(client.restore(&target(), None, &Moment::Latest).await.expect("an answer").is_none());
        assert!(client.around(&target(), None, "e9").await.expect("an answer").is_none());
        let (client, _) = answering(200, json!({ "data": [] }));
        let error = client.state(&target(), None, &Moment::Latest).await.expect_err("no state");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
