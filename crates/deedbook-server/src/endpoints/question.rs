//! What every reading endpoint is asked: `q`, `tz`, `tenant` → a [`Query`], a [`Scope`], and what cursors belong to.

use deedbook_core::query::{Condition, Expression, ParseOptions};
use deedbook_core::{Query, Scope, Timestamp};
use jiff::tz::TimeZone;

use crate::access::{Caller, Numbers};
use crate::cursor::Binding;
use crate::parameters::{Parameters, bad};
use crate::problem::{Answer, Problem};

/// The names of the parameters.
pub(super) const PARAMETERS: [&str; 3] = ["q", "tz", "tenant"];

/// A question as it was asked; relative times are not resolved yet.
pub(super) struct Question {
    pub(super) scope: Scope,
    pub(super) numbers: Numbers,
    pub(super) binding: Binding,
    text: String,
    zone: TimeZone,
    /// The parameters as they were given, for URLs of further pages.
    pub(super) given: Vec<(&'static str, String)>,
}

impl Question {
    /// Takes the parameters of a question.
    ///
    /// # Errors
    /// 400 where a parameter is wrong, 404 where the tenant is not the caller's.
    pub(super) fn take(parameters: &mut Parameters, caller: &Caller) -> Answer<Self> {
        let text = parameters.text("q")?;
        let zone = parameters.text("tz")?;
        let tenant = parameters.text("tenant")?;
        let binding = Binding::default()
            .with(text.as_deref())
            .with(zone.as_deref())
            .with(tenant.as_deref())
            .with(caller.token.tenant.as_deref())
            .with(caller.token.grant.binding().as_deref());
        let question = Self {
            scope: caller.scope(tenant.as_deref())?,
            numbers: caller.numbers(),
            binding,
            text: text.clone().unwrap_or_default(),
            zone: time_zone(zone.as_deref())?,
            given: PARAMETERS.into_iter().zip([text, zone, tenant]).filter_map(|(name, v)| Some((name, v?))).collect(),
        };
        Ok(question)
    }

    /// The tenant that was named.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.given.iter().find(|(name, _)| *name == "tenant").map(|(_, tenant)| tenant.as_str())
    }

    /// The same question about one thing: its cursors are no others'.
    pub(super) fn about(self, target: &str) -> Self {
        let mut given = self.given;
        given.push(("target", target.to_owned()));
        Self { binding: self.binding.with(Some(target)), given, ..self }
    }

    /// The zone in which its days begin.
    pub(super) fn zone(&self) -> TimeZone {
        self.zone.clone()
    }

    /// The same question in the log of one tenant.
    pub(super) fn within(self, tenant: &str) -> Self {
        Self { scope: self.scope.within(tenant), ..self }
    }

    /// The query, its relative times being those of `now`.
    ///
    /// # Errors
    /// 400 with the position where the text breaks the grammar, and where it asks for numbers that are not shown.
    pub(super) fn query(&self, now: Timestamp) -> Answer<Query> {
        let options = ParseOptions { now, time_zone: self.zone.clone() };
        let query = Query::parse_located(&self.text, &options)
            .map_err(|error| Problem::malformed("query_syntax", error.message).at_position(error.position))?;
        if self.numbers == Numbers::None && asks_for_seq(query.expression()) {
            let detail = "this token sees a part of the entries and no \"seq\" of any; ask for \"recorded\" or \"id\"";
            return Err(Problem::malformed("seq_not_shown", detail));
        }
        Ok(query)
    }
}

fn asks_for_seq(expression: &Expression) -> bool {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(asks_for_seq),
        Expression::Not(inner) => asks_for_seq(inner),
        Expression::Is(condition) => matches!(condition, Condition::Seq(_)),
    }
}

/// The zone of the parameter `tz`; UTC where it is absent.
///
/// # Errors
/// 400 where there is no such zone.
pub(super) fn time_zone(name: Option<&str>) -> Answer<TimeZone> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let zone = TimeZone::get(name);
    zone.map_err(|_| bad("the parameter \"tz\" is the name of a time zone, such as Europe/Berlin"))
}
