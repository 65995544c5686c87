//! Whether the server takes requests.

use deedbook_core::Result;

use super::Client;
use super::call::Call;

impl Client {
    /// Ends well where the server takes requests at this moment; asks once.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`](crate::ErrorKind::Overloaded) while it ends or takes nothing more,
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where it is not reached.
    pub async fn ready(&self) -> Result<()> {
        let call = Call::get(&["readyz"], Vec::new());
        let once = tokio::time::timeout(self.shared.options.attempt_max, self.once(&call)).await;
        once.unwrap_or_else(|_| Err(super::late())).map(drop)
    }
}
