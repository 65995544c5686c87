//! What a token is narrowed to beside its kind and tenant: which entries, which of their values, from which addresses.

mod json;

use std::net::IpAddr;

use deedbook_core::commitment::Key;
use deedbook_core::query::{Bounds, Condition, Expression, IpNetwork, Pattern, TextField};
use deedbook_core::{FieldProfile, FieldRule, Query, Result, Scope, Timestamp};

use crate::members::pointed;

/// What the holder of a token may see of its tenant, and from where; everything and from everywhere by default.
///
/// Each member narrows further, but `audience` and `self_actor`, which are a union.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Labels: entries with one of them in their audience.
    pub audience: Option<Vec<String>>,
    /// Whose own entries, as `TYPE:ID`: those in which this is the actor, behind the actor, or a target, unless their
    /// audience is empty.
    pub self_actor: Option<String>,
    /// Entries about one of these things, each `TYPE:ID`.
    pub targets: Option<Vec<String>>,
    /// Entries with one of these actions, each whole or the beginning of one: `project.*`.
    pub actions: Option<Vec<String>>,
    /// Entries recorded at this time or later.
    pub from: Option<Timestamp>,
    /// Entries recorded before this time.
    pub until: Option<Timestamp>,
    /// What becomes of values.
    pub fields: Vec<FieldRule>,
    /// What becomes of values before [`Grant::fields`]: the rules of the token by which this one was made.
    pub parent_fields: Vec<FieldRule>,
    /// Where its holder must be; anywhere where empty.
    pub addresses: Vec<IpNetwork>,
    /// Whether whole files may be taken out; of no meaning to a token that cannot read.
    pub export: Export,
}

/// Whether whole files may be taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Export {
    /// Pages and tails alone.
    Denied,
    /// Files too.
    #[default]
    Allowed,
}

impl Grant {
    /// Whether all entries of the tenant are seen. Whoever sees a part of them learns nothing from numbers.
    pub(crate) fn sees_every_entry(&self) -> bool {
        let Self { audience, self_actor, targets, actions, from, until, .. } = self;
        audience.is_none()
            && self_actor.is_none()
            && targets.is_none()
            && actions.is_none()
            && from.is_none()
            && until.is_none()
    }

    /// Whether every value of every entry is seen.
    pub(crate) fn sees_every_value(&self) -> bool {
        self.fields.is_empty() && self.parent_fields.is_empty()
    }

    /// What cursors of this grant belong to: which entries there are, and in which form they are searched.
    pub(crate) fn binding(&self) -> Option<String> {
        let is_whole = self.sees_every_entry() && self.sees_every_value();
        let of_entries = Self { addresses: Vec::new(), export: Export::default(), ..self.clone() };
        (!is_whole).then(|| serde_json::Value::Object(of_entries.to_json()).to_string())
    }

    /// Whether a holder at `address` is let in. Who says nothing of the address is not where it must be.
    pub(crate) fn admits(&self, address: Option<IpAddr>) -> bool {
        let within = |address| self.addresses.iter().any(|network| network.contains(address));
        self.addresses.is_empty() || address.is_some_and(within)
    }

    /// `scope` as far as this grants it; hashes of values are made under `key`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) for rules of fields that lead nowhere.
    pub(crate) fn narrowed(&self, scope: Scope, key: &Key) -> Result<Scope> {
        let mut scope = scope;
        if self.audience.is_some() || self.self_actor.is_some() {
            scope = scope.visible_to(self.audience.clone().unwrap_or_default(), self.self_actor.clone());
        }
        if let Some(filter) = self.filter() {
            scope = scope.matching(filter);
        }
        for rules in [&self.parent_fields, &self.fields].into_iter().filter(|rules| !rules.is_empty()) {
            scope = scope.masked_by(FieldProfile::new(rules, key.clone())?);
        }
        Ok(scope)
    }

    fn filter(&self) -> Option<Query> {
        let any = |field, patterns: &[String]| {
            let is = |text: &String| Expression::Is(Condition::Text(field, pattern(text)));
            Expression::Or(patterns.iter().map(is).collect())
        };
        let mut all = Vec::new();
        all.extend(self.targets.as_deref().map(|targets| any(TextField::Target, targets)));
        all.extend(self.actions.as_deref().map(|actions| any(TextField::Action, actions)));
        if self.from.is_some() || self.until.is_some() {
            all.push(Expression::Is(Condition::Recorded(Bounds { from: self.from, until: self.until })));
        }
        (!all.is_empty()).then(|| Query::from_expression(Expression::And(all)))
    }

    /// What a holder of `self` may pass on of it: `wanted`, and from `self` what `wanted` does not name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](deedbook_core::ErrorKind::Invalid) with a problem at each member by which `wanted` is
    /// wider.
    pub(crate) fn narrowed_to(&self, wanted: Self) -> Result<Self> {
        let mut problems = Vec::new();
        let mut wider = |pointer: &str, is_wider: bool| {
            if is_wider {
                let detail = "this is more than the token itself may see; name a part of that";
                problems.push(pointed(pointer, ("wider_scope", detail)));
            }
        };
        let is_visible_to_some = self.audience.is_some() || self.self_actor.is_some();
        let names_visibility = wanted.audience.is_some() || wanted.self_actor.is_some();
        if is_visible_to_some && names_visibility {
            let labels = self.audience.as_deref().unwrap_or_default();
            wider("/scope/audience", wanted.audience.iter().flatten().any(|label| !labels.contains(label)));
            wider("/scope/self", wanted.self_actor.is_some() && wanted.self_actor != self.self_actor);
        }
        wider("/scope/targets", exceeds(self.targets.as_ref(), wanted.targets.as_ref(), |own, it| own == it));
        wider("/scope/actions", exceeds(self.actions.as_ref(), wanted.actions.as_ref(), covers));
        wider("/scope/from", self.from.is_some_and(|own| wanted.from.is_some_and(|from| from < own)));
        wider("/scope/until", self.until.is_some_and(|own| wanted.until.is_some_and(|until| until > own)));
        let outside = |network: &IpNetwork| !self.addresses.iter().any(|own| encloses(own, network));
        wider("/addresses", !self.addresses.is_empty() && wanted.addresses.iter().any(outside));
        wider("/capabilities", wanted.export > self.export);
        if !problems.is_empty() {
            return Err(deedbook_core::Error::from_problems(problems));
        }
        let visibility = if names_visibility { &wanted } else { self };
        Ok(Self {
            audience: visibility.audience.clone(),
            self_actor: visibility.self_actor.clone(),
            targets: wanted.targets.or_else(|| self.targets.clone()),
            actions: wanted.actions.or_else(|| self.actions.clone()),
            from: wanted.from.or(self.from),
            until: wanted.until.or(self.until),
            fields: wanted.fields,
            parent_fields: [&self.parent_fields[..], &self.fields].concat(),
            addresses: if wanted.addresses.is_empty() { self.addresses.clone() } else { wanted.addresses },
            export: wanted.export,
        })
    }
}

/// Whether `wanted` names something that nothing of `own` covers.
fn exceeds(own: Option<&Vec<String>>, wanted: Option<&Vec<String>>, covers: fn(&str, &str) -> bool) -> bool {
    let (Some(own), Some(wanted)) = (own, wanted) else { return false };
    wanted.iter().any(|wanted| !own.iter().any(|own| covers(own, wanted)))
}

/// Whether every action of the pattern `wanted` is one of the pattern `own`.
fn covers(own: &str, wanted: &str) -> bool {
    match pattern(own) {
        Pattern::Prefix(prefix) => wanted.trim_end_matches('*').starts_with(&prefix),
        Pattern::Exact(exact) => wanted == exact,
    }
}

/// Whether every address of `inner` is one of `outer`.
fn encloses(outer: &IpNetwork, inner: &IpNetwork) -> bool {
    let same_family = outer.address.is_ipv4() == inner.address.is_ipv4();
    same_family && outer.prefix_bits <= inner.prefix_bits && outer.contains(inner.address)
}

fn pattern(text: &str) -> Pattern {
    match text.strip_suffix('*') {
        Some(prefix) => Pattern::Prefix(prefix.to_owned()),
        None => Pattern::Exact(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(json: &str) -> Grant {
        let mut grant = Grant::default();
        let mut problems = Vec::new();
        let members: serde_json::Map<_, _> = serde_json::from_str(json).unwrap();
        assert!(members.iter().all(|(name, value)| grant.take(name, value, &mut problems)), "{json}");
        assert_eq!(problems, [], "{json}");
        grant
    }

    #[test]
    fn what_is_passed_on_is_never_more() {
        let own = r#"{"scope":{"audience":["owners","staff"],"targets":["project:p1","project:p2"],
            "actions":["project.*"],"from":"2026-01-01T00:00:00Z","until":"2027-01-01T00:00:00Z"},
            "addresses":["10.0.0.0/8"],"capabilities":["view"]}"#;
        for (wanted, pointers) in [
            (r#"{"capabilities":["view"]}"#, &[][..]),
            (r#"{"capabilities":["view"],"scope":{"audience":["owners"],"targets":["project:p1"]}}"#, &[]),
            (r#"{"capabilities":["view"],"scope":{"actions":["project.token.*","project.renamed"]}}"#, &[]),
            (r#"{"capabilities":["view"],"addresses":["10.1.0.0/16"]}"#, &[]),
            (r#"{"capabilities":["view"],"scope":{"audience":["members"]}}"#, &["/scope/audience"]),
            (r#"{"capabilities":["view"],"scope":{"self":"user:u1"}}"#, &["/scope/self"]),
            (r#"{"capabilities":["view"],"scope":{"targets":["project:p3"]}}"#, &["/scope/targets"]),
            (r#"{"capabilities":["view"],"scope":{"targets":["project:p"]}}"#, &["/scope/targets"]),
            (r#"{"capabilities":["view"],"scope":{"actions":["proj*"]}}"#, &["/scope/actions"]),
            (r#"{"capabilities":["view"],"scope":{"actions":["account.created"]}}"#, &["/scope/actions"]),
            (r#"{"capabilities":["view"],"scope":{"from":"2025-12-31T00:00:00Z"}}"#, &["/scope/from"]),
            (r#"{"capabilities":["view"],"scope":{"until":"2027-01-02T00:00:00Z"}}"#, &["/scope/until"]),
            (r#"{"capabilities":["view"],"addresses":["11.0.0.0/8"]}"#, &["/addresses"]),
            (r#"{"capabilities":["view"],"addresses":["0.0.0.0/0"]}"#, &["/addresses"]),
            (r#"{"capabilities":["view"],"addresses":["::/0"]}"#, &["/addresses"]),
            (r#"{"capabilities":["view","export"]}"#, &["/capabilities"]),
        ] {
            match grant(own).narrowed_to(grant(wanted)) {
                Ok(narrowed) => {
                    assert!(pointers.is_empty(), "{wanted}");
                    assert!(!narrowed.sees_every_entry() && !narrowed.addresses.is_empty(), "{wanted}: {narrowed:?}");
                    assert!(narrowed.from.is_some() && narrowed.until.is_some() && narrowed.targets.is_some());
                    assert!(narrowed.audience.is_some() && narrowed.actions.is_some(), "{wanted}: {narrowed:?}");
                }
                Err(error) => {
                    let found: Vec<&str> = error.problems().iter().map(|problem| problem.pointer.as_str()).collect();
                    assert_eq!(found, pointers, "{wanted}");
                }
            }
        }
    }

    #[test]
    fn a_self_does_not_become_labels() {
        let own = grant(r#"{"scope":{"self":"user:u1"}}"#);
        assert!(own.narrowed_to(grant(r#"{"scope":{"audience":["owners"]}}"#)).is_err());
        let both = grant(r#"{"scope":{"self":"user:u1","audience":["owners"]}}"#);
        let labels = both.narrowed_to(grant(r#"{"scope":{"audience":["owners"]}}"#)).unwrap();
        assert_eq!(labels.self_actor, None);
    }

    #[test]
    fn fields_of_the_parent_come_first() {
        let own = grant(r#"{"fields":[{"path":"/actor/name","as":"mask"}]}"#);
        let narrowed = own.narrowed_to(grant(r#"{"fields":[{"path":"/actor/name","as":"show"}]}"#)).unwrap();
        assert_eq!((narrowed.parent_fields, narrowed.fields.len()), (own.fields, 1));
    }

    #[test]
    fn addresses_are_those_of_the_networks() {
        let grant = grant(r#"{"addresses":["10.0.0.0/8","2001:db8::/32","192.0.2.7"]}"#);
        for (address, admitted) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
        ] {
            assert_eq!(grant.admits(Some(address.parse().unwrap())), admitted, "{address}");
        }
        assert!(!grant.admits(None) && Grant::default().admits(None));
    }

    #[test]
    fn what_is_written_reads_back() {
        for json in [
            "{}",
            r#"{"scope":{"audience":["owners"],"self":"user:a:b","targets":["project:p"],"actions":["a.*","a.b"],
                "from":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00.5Z"},"capabilities":["view"],
                "fields":[{"path":"/actor/name","as":"hash"}],"addresses":["10.0.0.0/8","::1"]}"#,
        ] {
            let read = grant(json);
            let written = serde_json::Value::Object(read.to_json()).to_string();
            assert_eq!(grant(&written), read, "{written}");
        }
    }
}
