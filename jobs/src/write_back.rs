//! The write-back job: tells sources what is acknowledged in Heat, where they are to be told.
//!
//! Each thing is told at most once. An attempt is noted before it is made; one whose end nobody noted, because the updater
//! died or the answer got lost, is looked for in the source by its mark, once it has had time to arrive, and is made again
//! only if it is not there.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use heat::cache::Fence;
use heat::db::Db;
use heat::db::write_back::Due;
use heat::event::at_most;
use heat::time::Timestamp;

use crate::schedule::{Done, Work};
use crate::upstream::zabbix::{Acknowledger, LONGEST_MESSAGE, NotTold, Step};

/// A request may be under way so long after its sender has died. More than a request's own limit.
pub const READ_BACK_AFTER: Duration = Duration::from_mins(1);

/// So much is told in one run, that the source has time for others.
const MOST_IN_A_RUN: usize = 100;

/// Tells sources, one thing after the other.
pub struct WriteBack {
    db: Db,
    fence: Fence,
    sources: BTreeMap<String, Acknowledger>,
    read_back_after: Duration,
}

impl WriteBack {
    /// A job for these sources, by name.
    pub fn new(
        db: Db,
        fence: Fence,
        sources: BTreeMap<String, Acknowledger>,
        read_back_after: Duration,
    ) -> Self {
        Self { db, fence, sources, read_back_after }
    }

    /// What comes of one thing that is due: whether the source knows it now; none if there is nothing to say any more.
    async fn tell(&mut self, due: &Due) -> Result<Option<()>, NotTold> {
        let Some(source) = self.sources.get_mut(&due.source) else { return Ok(None) };
        let step = if due.given { Step::Ended } else { Step::Given };
        let mark = mark(due, step);
        if due.maybe_told {
            match source.was_told(&due.event, &mark).await {
                // What the source does not have any more needs no word.
                Ok(Some(true) | None) => return Ok(Some(())),
                Ok(Some(false)) => {}
                // Nobody knows still.
                Err(error) => return Err(NotTold { refused: false, ..error }),
            }
        }
        if !due.wanted {
            return Ok(None);
        }
        source.tell(&due.event, step, &message(due, step, &mark)).await.map(Some)
    }
}

impl Work for WriteBack {
    async fn run(&mut self) -> anyhow::Result<Done> {
        for told in 0..MOST_IN_A_RUN {
            let names: Vec<_> = self.sources.keys().map(String::as_str).collect();
            let due = self.db.claim_write_back(self.fence, &names, self.read_back_after).await?;
            let Some(due) = due else { return Ok(if told == 0 { Done::Skipped } else { Done::Ran }) };
            match self.tell(&due).await {
                Ok(Some(())) => self.db.written_back(self.fence, &due).await?,
                Ok(None) => self.db.not_written_back(self.fence, &due, "").await?,
                Err(error) if error.refused => {
                    self.db.not_written_back(self.fence, &due, &error.reason).await?;
                    tracing::warn!(%error, event = due.event, source = due.source, "an acknowledgement was not taken");
                }
                // Left as it is: the next attempt asks first.
                Err(error) => bail!("{} was perhaps not told of an acknowledgement: {error}", due.source),
            }
        }
        Ok(Done::Ran)
    }
}

/// The line by which a message is known again.
fn mark(due: &Due, step: Step) -> String {
    match step {
        Step::Given => format!("heat:{}", due.uuid),
        Step::Ended => format!("heat:{}:ended", due.uuid),
    }
}

/// What people read in the source; the mark is its last line.
fn message(due: &Due, step: Step, mark: &str) -> String {
    let said = match (step, &due.ended_by) {
        (Step::Given, _) => {
            let until = due.until.map(|end| format!(" until {}", Timestamp::from(end))).unwrap_or_default();
            let words = if due.text.is_empty() { String::new() } else { format!(": {}", due.text) };
            format!("{}{until}{words}", due.author)
        }
        (Step::Ended, Some(by)) => format!("{by}: no longer acknowledged"),
        (Step::Ended, None) => format!("The acknowledgement of {} has ended", due.author),
    };
    let room = LONGEST_MESSAGE.saturating_sub(mark.chars().count() + 1);
    format!("{}\n{mark}", at_most(&said, room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_message_fits_and_its_last_line_is_the_mark(text in "[а-я\n]{0,3000}", ended in any::<bool>()) {
            let due = Due {
                id: 1,
                uuid: "4cf32a4c-3f0b-4f9c-a4cb-8f3e3b0f3f11".into(),
                source: "zabbix".into(),
                event: "81204".into(),
                author: "ann".into(),
                text,
                until: None,
                ended_by: None,
                given: ended,
                wanted: true,
                maybe_told: false,
                attempts: 1,
            };
            let step = if ended { Step::Ended } else { Step::Given };
            let mark = mark(&due, step);
            let message = message(&due, step, &mark);
            prop_assert!(message.chars().count() <= LONGEST_MESSAGE);
            prop_assert_eq!(message.lines().next_back(), Some(mark.as_str()));
        }
    }
}
