//! Answers that are read whole, and what they must look like.

use deedbook_core::{Error, ErrorKind, Result};
use reqwest::Response;
use serde::Deserialize;

use super::transport::Broken;

/// Bytes of an answer that are read: a page of 1,000 entries of the largest size, 256 KiB, and what surrounds them.
const ANSWER_BYTES_MAX: usize = 272 << 20;

/// An answer with its body.
pub(super) struct Answer {
    body: Vec<u8>,
}

impl Answer {
    /// Reads the body of `response`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the connection breaks, or the body is larger than any that a Deedbook server
    /// gives.
    pub(super) async fn read(mut response: Response) -> Result<Self> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Broken::by(error).into_error())? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(strange("it has more bytes than any answer to this"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { body })
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where it is something else.
    pub(super) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| strange("it is not the JSON that was expected").with_source(error))
    }
}

/// The error for an answer that no Deedbook server gives.
pub(super) fn strange(what: &'static str) -> Error {
    let message = format!("the answer is not that of a Deedbook server: {what}; is the address the right one?");
    Error::new(ErrorKind::Unavailable, message)
}
