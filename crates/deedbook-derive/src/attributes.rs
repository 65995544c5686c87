//! What all three macros read alike: named fields, texts in attributes, options among types.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result, Type};

/// The fields of a struct that has names for them.
///
/// # Errors
/// For everything else, with `why`.
pub(crate) fn named_fields<'i>(input: &'i DeriveInput, why: &str) -> Result<Vec<&'i Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unit => Ok(Vec::new()),
            Fields::Unnamed(fields) => Err(Error::new(fields.span(), format!("give the fields names; {why}"))),
        },
        Data::Enum(_) | Data::Union(_) => Err(Error::new(input.ident.span(), format!("expected a struct; {why}"))),
    }
}

/// Calls `each` for everything listed in the attributes `#[name(…)]`.
pub(crate) fn each_in(
    attributes: &[Attribute],
    name: &str,
    mut each: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let named = attributes.iter().filter(|attribute| attribute.path().is_ident(name));
    named.into_iter().try_for_each(|attribute| attribute.parse_nested_meta(&mut each))
}

/// The text of `name = "text"`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// Keeps the first value of an attribute.
///
/// # Errors
/// Where it was given before.
pub(crate) fn once<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("it is given twice; leave one out")),
    }
}

/// The name of an attribute, for errors and matches.
pub(crate) fn word(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// An error that lists what is known.
pub(crate) fn unknown(meta: &ParseNestedMeta<'_>, known: &str) -> Error {
    meta.error(format!("unknown attribute; expected one of {known}"))
}

/// The name of a field as text, without `r#`.
pub(crate) fn name_of(field: &Field) -> String {
    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Whether the type is written as an option; a name for it of the application's own is not seen through.
pub(crate) fn is_option(kind: &Type) -> bool {
    let Type::Path(path) = kind else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Option")
}

/// Whether `text` is 1 to 64 of `a-z 0-9 _`, as types of actors and targets are.
pub(crate) fn check_type(text: &LitStr) -> Result<()> {
    let value = text.value();
    let fits = (1..=64).contains(&value.len()) && value.bytes().all(is_word_byte);
    refuse_unless(fits, text.span(), "expected 1 to 64 of a-z 0-9 _, such as \"invoice\"")
}

/// Lower-case letters, digits and the underscore.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// An error at `span` where a rule is broken.
pub(crate) fn refuse_unless(holds: bool, span: Span, message: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(span, message)) }
}
