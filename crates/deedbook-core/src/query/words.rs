//! Text → words, and which texts of an event are searched.

use crate::Event;


/// Calls `sink` with each word of `text` in order.
pub fn words(_text: &str, _sink: &mut dyn FnMut(&str)) {
    todo!()
}

/// Calls `sink` with each text of `event` in which words are sought.
pub fn texts(_event: &Event, _sink: &mut dyn FnMut(&str)) {
    todo!()
}
