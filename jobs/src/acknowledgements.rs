//! The acknowledgements job: ends those that hold until the event worsens, once it has.

use std::collections::HashMap;

use heat::cache::Fence;
use heat::db::Db;
use heat::event::Event;
use tokio::sync::watch;

use crate::board::Board;
use crate::schedule::{Done, Work};

/// Looks at what burns now. The picture does not wait for it: what is worse than it was acknowledged as is unhandled
/// anyway. Entered, it stays so when the event gets better again.
pub struct EndWorsened {
    /// Postgres.
    pub db: Db,
    /// The working updater's fence.
    pub fence: Fence,
    /// What burns.
    pub board: watch::Receiver<Board>,
}

impl Work for EndWorsened {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let held = self.db.acknowledged_until_worse().await?;
        if held.is_empty() {
            return Ok(Done::Skipped);
        }
        let held: HashMap<_, _> = held.iter().map(|(id, severity)| (id.as_str(), *severity)).collect();
        let board = self.board.borrow_and_update().clone();
        let events = board.sources.values().flat_map(|source| source.events.iter());
        let is_worse = |event: &&Event| held.get(event.id.as_str()).is_some_and(|was| event.severity > *was);
        let worsened: Vec<_> =
            events.filter(is_worse).map(|event| (event.id.as_str(), event.severity)).collect();
        if !worsened.is_empty() {
            let ended = self.db.end_worsened(self.fence, &worsened).await?;
            tracing::info!(ended, "acknowledgements of events that have worsened");
        }
        Ok(Done::Ran)
    }
}
