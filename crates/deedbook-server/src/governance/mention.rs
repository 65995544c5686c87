//! Where a person is named in text that no commitment of its own covers: it goes only with the whole entry.

use std::collections::BTreeSet;

use deedbook_core::query::{Condition, Expression, LastWord, WordsTest, words};
use deedbook_core::{Entry, Query, Timestamp, rfc3339};
use serde_json::{Value, json};

/// Characters of a text that are shown for decision.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// What the log added, in which nobody is named.
const ADDED: [&str; 4] = ["/leaf_hash", "/position", "/recorded_at", "/seq"];

/// An entry that names a person in text that cannot be erased alone.
#[derive(Clone, Debug)]
pub struct Mention {
    /// Id of the entry.
    pub id: String,
    /// Its number in the tenant.
    pub seq: u64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Its action.
    pub action: String,
    /// JSON Pointers to the texts, and the beginning of each.
    pub texts: Vec<(String, String)>,
    pub(crate) position: u64,
}

impl Mention {
    /// `{id, seq, recorded_at, action, texts: [{pointer, text}]}`.
    pub fn to_json(&self) -> Value {
        let text = |(pointer, text): &(String, String)| json!({"pointer": pointer, "text": text});
        json!({
            "id": self.id,
            "seq": self.seq,
            "recorded_at": rfc3339(self.recorded_at),
            "action": self.action,
            "texts": self.texts.iter().map(text).collect::<Vec<_>>(),
        })
    }
}

/// Names as the words that are sought.
pub(super) struct Names(Vec<Vec<String>>);

impl Names {
    pub(super) fn new(names: &BTreeSet<String>) -> Self {
        let mut phrases: Vec<Vec<String>> = names.iter().map(|name| words_of(name)).collect();
        phrases.retain(|phrase| !phrase.is_empty());
        phrases.sort_unstable();
        phrases.dedup();
        Self(phrases)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries that name the person in a text of the index.
    pub(super) fn query(&self) -> Query {
        let phrase = |words: &Vec<String>| {
            Expression::Is(Condition::Words(WordsTest { words: words.clone(), last: LastWord::Whole }))
        };
        Query::from_expression(Expression::Or(self.0.iter().map(phrase).collect()))
    }

    /// Whether `text` names the person.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        let words = words_of(text);
        self.0.iter().any(|phrase| words.windows(phrase.len()).any(|window| window == phrase.as_slice()))
    }

    /// Where `entry` names the person but at `erased`; `None` where it does not.
    pub(super) fn mention(&self, entry: &Entry, erased: &[String]) -> Option<Mention> {
        let value: Value = serde_json::from_slice(&entry.to_json()).ok()?;
        let mut texts = Vec::new();
        self.find(&value, &mut String::new(), erased, &mut texts);
        let receipt = &entry.receipt;
        (!texts.is_empty()).then(|| Mention {
            id: receipt.id.clone(),
            seq: receipt.seq,
            recorded_at: receipt.recorded_at,
            action: entry.event.action.clone(),
            texts,
            position: receipt.position,
        })
    }

    fn find(&self, value: &Value, pointer: &mut String, erased: &[String], texts: &mut Vec<(String, String)>) {
        if erased.contains(pointer) || ADDED.contains(&pointer.as_str()) {
            return;
        }
        match value {
            Value::String(text) if self.occur_in(text) => {
                texts.push((pointer.clone(), text.chars().take(SHOWN_CHARACTERS_MAX).collect()));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.within(&index.to_string(), item, pointer, erased, texts);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    if self.occur_in(name) {
                        texts.push((pointer.clone(), name.chars().take(SHOWN_CHARACTERS_MAX).collect()));
                    }
                    self.within(&name.replace('~', "~0").replace('/', "~1"), member, pointer, erased, texts);
                }
            }
            _ => {}
        }
    }

    fn within(
        &self,
        name: &str,
        value: &Value,
        pointer: &mut String,
        erased: &[String],
        texts: &mut Vec<(String, String)>,
    ) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(name);
        self.find(value, pointer, erased, texts);
        pointer.truncate(length);
    }
}

fn words_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    words(text, &mut |word| found.push(word.to_owned()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_words() {
        let names = Names::new(&["Ada Lovelace", "ada@acme.example", "!"].map(str::to_owned).into());
        for (text, expected) in [
            ("asked by ADA  lovelace, by phone", true),
            ("mail to <ada@acme.example>", true),
            ("Ada, Countess of Lovelace", false),
            ("Adabas Lovelace", false),
            ("ada@acme.example.org", false),
            ("!", false),
            ("", false),
        ] {
            assert_eq!(names.occur_in(text), expected, "{text}");
        }
    }
}
