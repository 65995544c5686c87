//! `#[derive(Event)]`: a struct → code that makes an event of it.

mod code;
mod fields;

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Error, Ident, Lit, LitStr, Result, Token};

use crate::attributes::{each_in, is_word_byte, named_fields, once, refuse_unless, text, unknown, word};
use crate::template::Template;

use fields::Part;

/// What is written about a struct.
struct Model<'i> {
    action: LitStr,
    schema: Option<LitStr>,
    category: Option<LitStr>,
    audience: Option<Vec<LitStr>>,
    outcome: Option<Ident>,
    descriptions: Descriptions,
    counting: Counting,
    parts: Vec<Part<'i>>,
}

/// Templates by outcome.
#[derive(Default)]
struct Descriptions {
    general: Option<Template>,
    /// By the name of the outcome.
    special: Vec<(Ident, Template)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Counted,
    Uncounted,
}

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    Model::read(input)?.code(input)
}

const KNOWN: &str = "`action`, `audience`, `category`, `schema`, `outcome`, `describe`, `describe_failure`, \
                     `describe_denied`, `describe_unknown`, `uncounted`";

impl<'i> Model<'i> {
    fn read(input: &'i DeriveInput) -> Result<Self> {
        let (mut action, mut schema, mut category, mut audience, mut outcome) = (None, None, None, None, None);
        let mut descriptions = Descriptions::default();
        let mut counting = Counting::Counted;
        each_in(&input.attrs, "event", |meta| match word(&meta).as_str() {
            "action" => once(&mut action, text(&meta)?, &meta),
            "schema" => once(&mut schema, meta.value()?.parse::<Lit>()?, &meta),
            "category" => once(&mut category, text(&meta)?, &meta),
            "audience" => once(&mut audience, labels(meta.value()?)?, &meta),
            "outcome" => once(&mut outcome, outcome_of(&text(&meta)?)?, &meta),
            "describe" => once(&mut descriptions.general, Template::parse(&text(&meta)?)?, &meta),
            special @ ("describe_failure" | "describe_denied" | "describe_unknown") => {
                let outcome = outcome_named(&special["describe_".len()..], meta.path.get_ident().map(Ident::span));
                let template = Template::parse(&text(&meta)?)?;
                let is_given = descriptions.special.iter().any(|(other, _)| Some(other) == outcome.as_ref());
                refuse_unless(!is_given, meta.input.span(), "it is given twice; leave one out")?;
                descriptions.special.extend(outcome.map(|outcome| (outcome, template)));
                Ok(())
            }
            "uncounted" => {
                counting = Counting::Uncounted;
                Ok(())
            }
            _ => Err(unknown(&meta, KNOWN)),
        })?;
        let action = action.ok_or_else(|| no_action(input))?;
        check_action(&action)?;
        let schema = schema.map(|schema| schema_of(&schema, &action)).transpose()?;
        let parts = named_fields(input, "an event type is a struct, one for each action, and its fields have names")?;
        let parts = parts.into_iter().map(Part::read).collect::<Result<Vec<_>>>()?;
        fields::check(&parts)?;
        Ok(Self { action, schema, category, audience, outcome, descriptions, counting, parts })
    }
}

/// `["members", "owners"]`
fn labels(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let list;
    syn::bracketed!(list in input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?.into_iter().collect())
}

fn no_action(input: &DeriveInput) -> Error {
    let message = "the event has no action; add one such as `#[event(action = \"invoice.approved\")]`: what it is about, \
                   and what was done";
    Error::new(input.ident.span(), message)
}

/// The rule of the log for actions, so that a wrong one does not compile.
fn check_action(action: &LitStr) -> Result<()> {
    let value = action.value();
    let parts: Vec<&str> = value.split('.').collect();
    let fits = (2..=6).contains(&parts.len())
        && value.len() <= 128
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(is_word_byte));
    let message = "expected 2 to 6 parts of a-z 0-9 _ with dots between them, at most 128 characters: what it is about \
                   and what was done, such as \"invoice.approved\"";
    refuse_unless(fits, action.span(), message)?;
    refuse_unless(parts[0] != "audit", action.span(), "actions under \"audit.\" are the log's own; choose another")
}

/// `2` is short for `invoice.approved@2`.
fn schema_of(schema: &Lit, action: &LitStr) -> Result<LitStr> {
    match schema {
        Lit::Str(text) => Ok(text.clone()),
        Lit::Int(version) => {
            Ok(LitStr::new(&format!("{}@{}", action.value(), version.base10_digits()), version.span()))
        }
        other => Err(Error::new(other.span(), "expected a number such as 2, or a text such as \"invoice.approved@2\"")),
    }
}

fn outcome_of(text: &LitStr) -> Result<Ident> {
    outcome_named(&text.value(), Some(text.span()))
        .ok_or_else(|| Error::new(text.span(), "expected \"success\", \"failure\", \"denied\" or \"unknown\""))
}

/// The variant of `deedbook::Outcome` for its word.
fn outcome_named(word: &str, span: Option<proc_macro2::Span>) -> Option<Ident> {
    let variant = match word {
        "success" => "Success",
        "failure" => "Failure",
        "denied" => "Denied",
        "unknown" => "Unknown",
        _ => return None,
    };
    Some(Ident::new(variant, span.unwrap_or_else(proc_macro2::Span::call_site)))
}
