//! The real router behind a real socket: every endpoint, every refusal, every limit.

mod support;

mod recording;
