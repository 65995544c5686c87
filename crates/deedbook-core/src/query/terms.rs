//! What an index of textual fields holds, so that it answers exactly as [`super::Query::matches`] does.

use super::TextField;
use crate::{Actor, Entry, Outcome};

/// Calls `sink` with every field and value under which an index should file `entry`.
///
/// For each field but [`TextField::ActorName`] and [`TextField::TargetName`], an exact pattern matches `entry` if and
/// only if its text is among the values given here: an id comes as itself and as `TYPE:ID`, the path of a change with
/// every path above it. Values may repeat. Names are compared by words, see [`super::Pattern::phrase`], and are among
/// [`super::texts`].
pub fn terms(entry: &Entry, sink: &mut dyn FnMut(TextField, &str)) {
    let (event, receipt) = (&entry.event, &entry.receipt);
    sink(TextField::Action, &event.action);
    sink(TextField::Outcome, event.outcome.unwrap_or(Outcome::Success).as_str());
    sink(TextField::Id, &receipt.id);
    sink(TextField::ActorType, &event.actor.kind);
    for (depth, actor) in event.actor.chain().enumerate() {
        let field = if depth == 0 { TextField::Actor } else { TextField::OnBehalfOf };
        actor_terms(actor, &mut |value| {
            sink(field, value);
            sink(TextField::Principal, value);
        });
    }
    for target in &event.targets {
        sink(TextField::TargetType, &target.kind);
        id_terms(&target.kind, &target.id, &mut |value| {
            sink(TextField::Target, value);
            sink(TextField::Principal, value);
        });
    }
    let optional = [
        (TextField::Service, event.source.as_ref().and_then(|source| source.service.as_deref())),
        (TextField::RequestId, event.context.request_id.as_deref()),
        (TextField::CorrelationId, event.correlation_id.as_deref()),
        (TextField::TransactionId, event.transaction_id.as_deref()),
        (TextField::Category, event.category.as_deref()),
    ];
    optional.into_iter().filter_map(|(field, value)| Some((field, value?))).for_each(|(f, value)| sink(f, value));
    event.audience.iter().flatten().for_each(|label| sink(TextField::Audience, label));
    event.changes.iter().for_each(|change| path_terms(&change.path, &mut |path| sink(TextField::Change, path)));
}

fn actor_terms(actor: &Actor, sink: &mut dyn FnMut(&str)) {
    match &actor.id {
        Some(id) => id_terms(&actor.kind, id, sink),
        None => sink(&actor.kind),
    }
}

fn id_terms(kind: &str, id: &str, sink: &mut dyn FnMut(&str)) {
    sink(id);
    sink(&format!("{kind}:{id}"));
}

fn path_terms(path: &str, sink: &mut dyn FnMut(&str)) {
    path.match_indices('/').for_each(|(end, _)| sink(&path[..end]));
    sink(path);
}
