//! The incidents job: what joins a rack incident later comes under the ticket that was opened on it. Beside it only an
//! opening that goes on with the one before joins a ticket by itself ([`crate::openings`]).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use heat::cache::{Cache, Fence};
use heat::db::Db;
use heat::db::tickets::NewMember;
use heat::snapshot::{ActiveEvent, Snapshot};
use heat::template::Member;
use heat::ticket::State;
use tokio::sync::watch;

use crate::board::Board;
use crate::schedule::{Done, Work};

/// Follows the published snapshots, for they alone say which event belongs to which incident.
pub struct JoinTickets {
    /// Redis.
    pub cache: Cache,
    /// Postgres.
    pub db: Db,
    /// The working updater's fence.
    pub fence: Fence,
    /// Where the inventory is.
    pub board: watch::Receiver<Board>,
    /// How long the robot waits for more before it speaks of them.
    pub quiet: Duration,
    /// The revision that was looked at last. A ticket that is opened makes a new one.
    pub seen: Option<u64>,
}

impl JoinTickets {
    /// The events of these incidents that are under no open ticket.
    fn joining(
        &self,
        snapshot: &Snapshot<'_>,
        ticketed: &BTreeSet<String>,
    ) -> anyhow::Result<Vec<(String, NewMember)>> {
        let inventory = Arc::clone(&self.board.borrow().inventory.inventory);
        let joining = snapshot.events.iter().filter(|event| !is_covered(event)).filter_map(|event| {
            let incident = event.incident.as_deref().filter(|incident| ticketed.contains(*incident))?;
            Some((incident, event))
        });
        joining
            .map(|(incident, event)| {
                let source = snapshot.sources.iter().find(|source| source.name == event.source);
                let link = source.map(|source| &*source.link).unwrap_or_default();
                let member = NewMember {
                    event_id: event.id.to_string(),
                    event_key: event.key.to_string(),
                    since: event.since,
                    member: serde_json::to_value(Member::new(event, link, &inventory))?,
                };
                Ok((incident.to_owned(), member))
            })
            .collect()
    }
}

fn is_covered(event: &ActiveEvent<'_>) -> bool {
    event.ticket.as_ref().is_some_and(|ticket| ticket.state.parse().is_ok_and(State::is_open))
}

impl Work for JoinTickets {
    async fn run(&mut self) -> anyhow::Result<Done> {
        let revision = self.cache.revision().await?;
        if revision == self.seen {
            return Ok(Done::Skipped);
        }
        let ticketed = self.db.ticketed_incidents().await?;
        if ticketed.is_empty() {
            self.seen = revision;
            return Ok(Done::Skipped);
        }
        let Some(published) = self.cache.snapshot().await? else { return Ok(Done::Skipped) };
        let json = published.body.json()?;
        let joining = self.joining(&serde_json::from_slice(&json)?, &ticketed)?;
        let mut joined = 0;
        if !joining.is_empty() {
            joined = self.db.join_incidents(self.fence, &joining, self.quiet).await?;
        }
        self.seen = revision;
        if joined == 0 {
            return Ok(Done::Skipped);
        }
        tracing::info!(joined, "events that joined incidents came under their tickets");
        if let Err(error) = self.cache.tell_changed().await {
            tracing::warn!(%error, "the publisher was not told; the next beat shows it");
        }
        Ok(Done::Ran)
    }
}
