//! The door of Deedbook for applications.
