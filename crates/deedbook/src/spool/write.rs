//! The one task that writes: what came while a frame was being synced goes into the next one.

use std::sync::Arc;

use bytes::Bytes;
use deedbook_core::Result;
use tokio::sync::{mpsc, oneshot};

use super::{Add, Shared};

/// Events of one frame at most.
const FRAME_EVENTS_MAX: usize = 1_000;

type Reply = oneshot::Sender<Result<()>>;

/// Writes until nothing more can come.
pub(super) async fn run(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Add>, _alive: mpsc::Sender<()>) {
    let mut adds = Vec::new();
    while waiting.recv_many(&mut adds, FRAME_EVENTS_MAX).await > 0 {
        let (claims, replies): (Vec<Bytes>, Vec<Reply>) = adds.drain(..).map(|add| (add.claim, add.reply)).unzip();
        let fates = shared.on_shelf(move |shelf| Ok(shelf.append(&claims))).await;
        let fates = fates.unwrap_or_else(|error| replies.iter().map(|_| Err(error.clone())).collect());
        shared.note(&fates);
        // A caller that has gone needs no answer; its event is kept.
        replies.into_iter().zip(fates).for_each(|(reply, fate)| drop(reply.send(fate)));
    }
}

impl Shared {
    fn note(&self, fates: &[Result<()>]) {
        let kept = fates.iter().filter(|fate| fate.is_ok()).count() as u64;
        let mut status = self.status();
        status.accepted += kept;
        status.refused += fates.len() as u64 - kept;
        drop(status);
        if kept > 0 {
            self.filled.notify_one();
        }
    }
}
