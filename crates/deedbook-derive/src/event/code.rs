//! The code that makes an event of a struct.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Ident, LitStr, Result, Type};

use super::fields::{Part, Personal, Place};
use super::{Counting, Model};
use crate::attributes::is_option;
use crate::template::{Template, unknown_name};

impl Model<'_> {
    pub(super) fn code(&self, input: &DeriveInput) -> Result<TokenStream> {
        let (name, action) = (&input.ident, &self.action);
        let (generics, arguments, conditions) = input.generics.split_for_impl();
        let counting = match self.counting {
            Counting::Counted => quote!(Counted),
            Counting::Uncounted => quote!(Uncounted),
        };
        let actor = self.actor();
        let texts = [("schema", &self.schema), ("category", &self.category)];
        let texts = texts.into_iter().filter_map(|(member, text)| Some(set_text(member, text.as_ref()?)));
        let audience = self.audience.as_ref().map(|labels| {
            quote!(event.audience = ::core::option::Option::Some(::std::vec![#(::std::string::String::from(#labels)),*]);)
        });
        let parts = self.parts.iter().map(Part::code);
        let outcome = self.outcome();
        let description = self.description()?;
        Ok(quote! {
            #[automatically_derived]
            impl #generics ::deedbook::IntoEvent for #name #arguments #conditions {
                const COUNTING: ::deedbook::event::Counting = ::deedbook::event::Counting::#counting;

                fn into_event(
                    self,
                    context: &::deedbook::Context,
                ) -> ::deedbook::Result<::deedbook::event::Event> {
                    let mut event = ::deedbook::derived::begin(context, #action, #actor)?;
                    #(#texts)*
                    #audience
                    #(#parts)*
                    #outcome
                    context.fill(&mut event);
                    #description
                    ::core::result::Result::Ok(event)
                }
            }
        })
    }

    fn actor(&self) -> TokenStream {
        let actor = self.parts.iter().find(|part| matches!(part.place, Place::Actor));
        optional(actor, |value| quote!(::deedbook::derived::ToActor::actor(#value)))
    }

    fn outcome(&self) -> Option<TokenStream> {
        let field = |place: fn(&Place) -> bool| self.parts.iter().find(|part| place(&part.place));
        let outcome = field(|place| matches!(place, Place::Outcome));
        let error = field(|place| matches!(place, Place::Error));
        if outcome.is_none() && error.is_none() && self.outcome.is_none() {
            return None;
        }
        let outcome = match (&self.outcome, outcome) {
            (Some(fixed), None) => quote!(::core::option::Option::Some(::deedbook::Outcome::#fixed)),
            (None, field) => optional(field, |value| quote!(::deedbook::Outcome::from(#value.clone()))),
            (Some(_), Some(part)) => {
                let message = "the outcome is given for the whole type already; leave out one of both";
                return Some(syn::Error::new(part.field.ident.span(), message).into_compile_error());
            }
        };
        let error = optional(error, |value| quote!(::deedbook::event::Failure::from(#value.clone())));
        Some(quote!(::deedbook::derived::outcome(&mut event, #outcome, #error);))
    }

    fn description(&self) -> Result<Option<TokenStream>> {
        let Some(general) = &self.descriptions.general else {
            return match self.descriptions.special.first() {
                None => Ok(None),
                Some((outcome, _)) => {
                    let message = "`describe` is missing: it is what is said of all other outcomes";
                    Err(syn::Error::new(outcome.span(), message))
                }
            };
        };
        let general = self.render(general)?;
        let special = self.descriptions.special.iter().map(|(outcome, template)| {
            let text = self.render(template)?;
            Ok(quote!(::core::option::Option::Some(::deedbook::Outcome::#outcome) => #text,))
        });
        let special = special.collect::<Result<Vec<_>>>()?;
        let text =
            if special.is_empty() { general } else { quote!(match event.outcome { #(#special)* _ => #general }) };
        Ok(Some(quote! {
            let description = #text;
            event.description = ::core::option::Option::Some(description);
        }))
    }

    fn render(&self, template: &Template) -> Result<TokenStream> {
        template.render(|name| {
            let part = self.parts.iter().find(|part| part.name == name);
            match part {
                Some(part) => part.shown().ok_or_else(|| hidden(part)),
                None if name == "actor" => Ok(quote!(::deedbook::derived::Acting(&event.actor))),
                None => Err(unknown_name(name, self.known_names())),
            }
        })
    }

    /// What a template may name.
    fn known_names(&self) -> Vec<String> {
        let shown = self.parts.iter().filter(|part| part.shown().is_some() && part.name != "actor");
        std::iter::once("actor".to_owned()).chain(shown.map(|part| part.name.clone())).collect()
    }
}

impl Part<'_> {
    fn code(&self) -> TokenStream {
        let (field, span) = (&self.field.ident, self.field.ty.span());
        let value = quote_spanned!(span=> &self.#field);
        match &self.place {
            Place::Member { name, personal: Personal::No } => {
                quote_spanned!(span=> ::deedbook::derived::member(&mut event, #name, #value)?;)
            }
            Place::Member { name, personal: Personal::Yes } => {
                quote_spanned!(span=> ::deedbook::derived::personal_member(&mut event, #name, #value)?;)
            }
            Place::Flattened => {
                let name = LitStr::new(&self.name, span);
                quote_spanned!(span=> ::deedbook::derived::flattened(&mut event, #name, #value)?;)
            }
            Place::Target { role } => {
                let role = match role {
                    Some(role) => quote!(::core::option::Option::Some(#role)),
                    None => quote!(::core::option::Option::None),
                };
                let value = self.dereferenced();
                quote_spanned!(span=> ::deedbook::derived::targets(&mut event, #value, #role);)
            }
            Place::Changes => {
                let changes = optional(Some(self), |value| quote!(#value.clone()));
                quote_spanned! {span=>
                    if let ::core::option::Option::Some(changes) = #changes {
                        ::deedbook::Changes::apply(changes, &mut event);
                    }
                }
            }
            Place::OccurredAt => {
                let at = optional(Some(self), |value| quote!(::deedbook::ToTimestamp::to_timestamp(#value)?));
                quote!(event.occurred_at = #at;)
            }
            Place::Text(member) => {
                let member = Ident::new(member, Span::call_site());
                let text = optional(Some(self), |value| quote!(::std::string::ToString::to_string(#value)));
                quote!(event.#member = #text;)
            }
            // Said with the event itself and with the outcome.
            Place::Actor | Place::Outcome | Place::Error => TokenStream::new(),
            // Read and let go of, so that the compiler does not call the field unused.
            Place::Secret => quote!(let _ = #value;),
        }
    }

    /// How a template shows the field; `None` where it must not or cannot.
    fn shown(&self) -> Option<TokenStream> {
        let (field, span) = (&self.field.ident, self.field.ty.span());
        match &self.place {
            Place::Secret | Place::Changes | Place::Flattened => None,
            Place::Actor => Some(quote!(::deedbook::derived::Acting(&event.actor))),
            Place::Outcome => Some(quote!(event.outcome.unwrap_or(::deedbook::Outcome::Success).as_str())),
            Place::Error => Some(quote!(::deedbook::derived::Told(&event.error))),
            Place::Target { .. } => {
                let value = self.dereferenced();
                Some(quote!(::deedbook::derived::Labels(#value)))
            }
            _ if is_option(&self.field.ty) => Some(quote_spanned!(span=> ::deedbook::derived::Optional(&self.#field))),
            _ => Some(quote_spanned!(span=> self.#field)),
        }
    }

    /// A reference to the value, whether the field is one itself or not.
    fn dereferenced(&self) -> TokenStream {
        let (field, span) = (&self.field.ident, self.field.ty.span());
        match &self.field.ty {
            Type::Reference(_) => quote_spanned!(span=> self.#field),
            _ => quote_spanned!(span=> &self.#field),
        }
    }
}

fn hidden(part: &Part<'_>) -> String {
    match part.place {
        Place::Secret => {
            format!("{{{}}} is secret and never leaves the process, in a description least of all", part.name)
        }
        _ => format!("{{{}}} has no text to stand in a description", part.name),
    }
}

fn set_text(member: &str, text: &LitStr) -> TokenStream {
    let member = Ident::new(member, Span::call_site());
    quote!(event.#member = ::core::option::Option::Some(::std::string::String::from(#text));)
}

/// An option of what `convert` makes of a reference to the field's value; an option stands for itself.
fn optional(part: Option<&Part<'_>>, convert: impl Fn(TokenStream) -> TokenStream) -> TokenStream {
    let Some(part) = part else { return quote!(::core::option::Option::None) };
    let (field, span) = (&part.field.ident, part.field.ty.span());
    if is_option(&part.field.ty) {
        let inner = convert(quote!(value));
        quote_spanned! {span=>
            match &self.#field {
                ::core::option::Option::Some(value) => ::core::option::Option::Some(#inner),
                ::core::option::Option::None => ::core::option::Option::None,
            }
        }
    } else {
        let inner = convert(quote!((&self.#field)));
        quote_spanned!(span=> ::core::option::Option::Some(#inner))
    }
}
