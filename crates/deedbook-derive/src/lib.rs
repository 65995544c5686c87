//! The derive macros of Deedbook: `Event`, `Entity` and `Id`.
