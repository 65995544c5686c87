//! Texts with names in braces: `"{actor} approved {invoice} for {amount:.2}"`.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Error, LitStr, Result};

/// A text with names in it, checked for its shape alone.
pub(crate) struct Template {
    /// The text for `format!`, with empty braces in place of names.
    format: String,
    names: Vec<String>,
    span: Span,
}

impl Template {
    /// # Errors
    /// Where braces do not match or have no name between them.
    pub(crate) fn parse(text: &LitStr) -> Result<Self> {
        let mut template = Self { format: String::new(), names: Vec::new(), span: text.span() };
        let value = text.value();
        let mut rest = value.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            template.format.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                template.format.push_str(brace);
                template.format.push_str(brace);
                rest = after;
            } else if brace == "{" {
                let Some((inside, after)) = rest.split_once('}') else {
                    return Err(
                        template.error("found \"{\" without a \"}\" after it; a brace itself is written \"{{\"")
                    );
                };
                template.name(inside)?;
                rest = after;
            } else {
                return Err(template.error("found \"}\" without a \"{\" before it; a brace itself is written \"}}\""));
            }
        }
        template.format.push_str(rest);
        Ok(template)
    }

    /// Code that makes a `String`; `resolve` gives the value of a name.
    ///
    /// # Errors
    /// What `resolve` refuses, at the place of the text.
    pub(crate) fn render(
        &self,
        resolve: impl Fn(&str) -> std::result::Result<TokenStream, String>,
    ) -> Result<TokenStream> {
        let values = self.names.iter().map(|name| resolve(name).map_err(|message| self.error(&message)));
        let values = values.collect::<Result<Vec<_>>>()?;
        let format = LitStr::new(&self.format, self.span);
        Ok(quote_spanned!(self.span=> ::std::format!(#format #(, #values)*)))
    }

    fn name(&mut self, inside: &str) -> Result<()> {
        let (name, format) = match inside.split_once(':') {
            Some((name, format)) => (name, format!(":{format}")),
            None => (inside, String::new()),
        };
        if syn::parse_str::<syn::Ident>(name).is_err() && name != "type" {
            return Err(self.error(&format!("found {{{inside}}}; expected the name of a field, such as {{amount}}")));
        }
        self.names.push(name.to_owned());
        self.format.push_str(&format!("{{{format}}}"));
        Ok(())
    }

    fn error(&self, message: &str) -> Error {
        Error::new(self.span, message)
    }
}

/// The message for a name that stands for nothing.
pub(crate) fn unknown_name(name: &str, known: impl IntoIterator<Item = String>) -> String {
    let known: Vec<String> = known.into_iter().map(|known| format!("{{{known}}}")).collect();
    format!("unknown placeholder {{{name}}}; known are {}", known.join(", "))
}
