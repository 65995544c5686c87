//! The derive macros of Deedbook: `Event`, `Entity` and `Id`. Use them from the crate `deedbook`, which shows them at
//! work; the code they write names that crate absolutely.
//!
//! Each macro reads its input into a model, which refuses what is wrong at the place where it is, and writes code from
//! the model. Nothing here knows what an event means beyond its shape.

mod attributes;
mod entity;
mod event;
mod id;
mod template;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct with named fields an event type: implements `deedbook::IntoEvent`.
///
/// On the struct, `#[event(…)]`:
///
/// | attribute | meaning |
/// |---|---|
/// | `action = "invoice.approved"` | required: singular object and past verb |
/// | `audience = ["members"]` | labels of those who may see it; `[]` means administrators only |
/// | `category = "project"` | chooses the retention rule |
/// | `schema = 2` | version of the shape of the metadata: `invoice.approved@2`; or the whole text |
/// | `outcome = "failure"` | where it is the same for all events of the type |
/// | `describe = "{actor} approved {invoice}"` | a sentence for people, rendered when the event is made |
/// | `describe_failure`, `describe_denied`, `describe_unknown` | the same for other outcomes |
/// | `uncounted` | is not counted by `metrics` |
///
/// A template names fields, each with a format as in `{amount:.2}`, and `{actor}`: who acts and on whose behalf.
///
/// On a field, `#[event(…)]`; without it the field is a member of the metadata, by `serde::Serialize`:
///
/// | attribute | meaning |
/// |---|---|
/// | `target` | what the event is about: an entity, an option or a list of them; the first is the primary one |
/// | `target(role = "recipient")` | the same; every further target says its role |
/// | `actor` | who acts, where that is not who the context says: an entity or a `deedbook::Actor` |
/// | `changes` | a `deedbook::Changes` |
/// | `personal` | a member of the metadata that can be erased on its own |
/// | `secret` | never leaves the process: it is neither in the event nor in its description |
/// | `flatten` | a struct or a map whose members become members of the metadata |
/// | `rename = "name"` | how the member of the metadata is called |
/// | `outcome`, `error` | a `deedbook::Outcome`, a `deedbook::event::Failure`; an error makes the outcome a failure |
/// | `reason`, `correlation_id`, `transaction_id`, `id`, `tenant` | a text, or anything that displays as one |
/// | `occurred_at` | a `deedbook::ToTimestamp` |
///
/// Options stand for themselves everywhere: what is `None` is absent from the event.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    written(event::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Makes a struct with named fields an entity, which events can be about: implements `deedbook::Entity`.
///
/// On the struct, `#[entity(…)]`: `type = "invoice"`, by default the name of the struct in snake case; and
/// `href = "https://app.example/invoices/{id}"`, where people look at it, with fields in braces.
///
/// On fields, `#[entity(…)]`: `id`, required once; `name` and `email`, how it is called. For `deedbook::changes` each
/// other field is a field of its state, by `serde::Serialize`: `skip` leaves it out, `personal` makes its values
/// erasable, `secret` tells that it changed and nothing more, `rename = "name"` names it.
#[proc_macro_derive(Entity, attributes(entity))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    written(entity::derive(&parse_macro_input!(input as DeriveInput)))
}

/// Gives ids of a type their prefix: `#[id(prefix = "inv")]` makes `deedbook::Id<Invoice>` read `inv_…`.
#[proc_macro_derive(Id, attributes(id))]
pub fn derive_id(input: TokenStream) -> TokenStream {
    written(id::derive(&parse_macro_input!(input as DeriveInput)))
}

fn written(code: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    code.unwrap_or_else(|error| error.into_compile_error()).into()
}
