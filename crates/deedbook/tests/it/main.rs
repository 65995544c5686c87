//! The library as an application uses it.

mod recording;
