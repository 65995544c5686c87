//! Everything that matches, as a stream of bytes.

use std::fmt;

use bytes::Bytes;
use deedbook_core::{Error, ErrorKind, Result};
use reqwest::Response;

use super::call::Call;
use super::transport::Broken;
use super::{Ask, Client};

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180 with a header.
    Csv,
}

/// An export on its way; made by [`Client::export`].
pub struct Export {
    client: Client,
    stream: Response,
}

impl Client {
    /// Asks for everything that matches, oldest first, without a limit. The limit, the order and the cursor of `ask` do
    /// not matter.
    ///
    /// # Errors
    /// As [`Client::page`](Client::page).
    pub async fn export(&self, ask: &Ask, format: ExportFormat) -> Result<Export> {
        let name = match format {
            ExportFormat::Ndjson => "events.ndjson",
            ExportFormat::Csv => "events.csv",
        };
        let path = ["v1", name];
        let call = Call::get(&path, ask.question());
        let stream = self.repeatedly(self.deadline(), || self.send(&call)).await?;
        Ok(Export { client: self.clone(), stream })
    }
}

impl Export {
    /// The next piece; `None` at the end, which is told apart from a connection that broke.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where the connection broke or was silent for too long: what came is not all.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let piece = tokio::time::timeout(self.client.shared.options.silence_max, self.stream.chunk()).await;
        let piece = piece.map_err(|_| Error::new(ErrorKind::Unavailable, "the server was silent for too long"))?;
        piece.map_err(|error| Broken::by(error).into_error())
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("client", &self.client).finish_non_exhaustive()
    }
}
