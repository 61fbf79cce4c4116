//! Delivery: sends what the outbox holds to the tracker, each ticket and each comment exactly once.
//!
//! It is no job of the lease's. Whoever holds the [`Outbox`] sends, in whichever updater; the right falls free the moment
//! that process dies, sooner than any lease. Exactly once is made of three things: an attempt is committed before it is
//! made; a ticket carries a name (`heat-<uuid>`) of which the tracker makes one ticket only; a comment carries a mark, and is
//! looked for before it is repeated.
//!
//! The calls run beside each other, but everything that is decided about them happens here, one thing after the other, on
//! the connection that holds the lock: when it breaks, nothing is decided any more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use heat::cache::{Cache, Follow, TrackerRecord};
use heat::db::outbox::{DuePost, DueTicket, Item, Known, Outbox, Told};
use heat::db::{Db, DbError};
use heat::ticket::Draft;
use heat::time::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::cadence::Schedule;
use crate::metrics::{CallLabels, DeliveryMetrics};
use crate::upstream::tracker::{Issue, Tracker, TrackerError};
use crate::words::Words;

/// How many calls run beside each other.
const IN_FLIGHT: usize = 4;

/// Longer than any attempt lives: its own limit is ten seconds, and what is on its way arrives or is lost within a minute.
pub const READ_BACK_AFTER: Duration = Duration::from_mins(1);

/// How many tickets one search asks for.
const STATES_AT_ONCE: usize = 100;

/// How long nothing is sent after the tracker did not let us in.
const LOCKED_OUT_FOR: Duration = Duration::from_mins(5);

/// The tracker said that it has the ticket, and so often did not find it.
const LOST_AFTER: i32 = 25;

/// Between two attempts.
const LONGEST_BACK_OFF: Duration = Duration::from_mins(1);

/// Whoever may not send looks so often whether it may now, and waits so long after an error of Postgres.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The calls under way at the end are given so long; each has a limit of its own below this.
const END_WITHIN: Duration = Duration::from_secs(12);

/// How often the tracker's fields are read anew.
const FIELDS_EVERY: Duration = Duration::from_hours(1);

/// How often it is looked which queues there are.
const QUEUES_EVERY: Duration = Duration::from_mins(1);

/// The outbox is not looked at oftener than this, unless somebody says that there is something in it.
const REST: Duration = Duration::from_millis(50);

/// Where tickets go.
#[derive(Debug)]
pub enum Target {
    /// To a tracker that Heat talks to.
    Tracker(Box<Tracker>),
    /// People open them by hand, by a link that is filled in, and tell Heat the key.
    Link {
        /// What a key is appended to for a ticket's page.
        web_url: Option<Url>,
        /// The page that opens a new one, with `{queue}`, `{summary}` and `{description}` in it.
        new_url: String,
    },
}

impl Target {
    fn kind(&self) -> &'static str {
        match self {
            Self::Tracker(tracker) => tracker.kind(),
            Self::Link { .. } => "link",
        }
    }
}

/// The job.
pub struct Delivery {
    /// Redis.
    pub cache: Cache,
    /// Postgres.
    pub db: Db,
    /// Where tickets go.
    pub target: Target,
    /// When the outbox is swept even though nobody said that there is anything in it.
    pub schedule: Schedule,
    /// How long the robot waits for more before it comments, and for an all-clear to last.
    pub quiet: Duration,
    /// A comment whose attempt ended without an answer is looked for in the tracker before it is repeated, and no sooner
    /// than this: a slow first attempt may still arrive. [`READ_BACK_AFTER`].
    pub read_back_after: Duration,
    /// Counters.
    pub metrics: DeliveryMetrics,
}

impl Delivery {
    /// Sends whenever it holds the outbox, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut follow = self.cache.follow(self.cache.keys().changed());
        let this = Arc::new(self);
        let mut waiting = String::new();
        while !stop.is_cancelled() {
            let why = match this.db.outbox(this.read_back_after).await {
                Ok(Some(outbox)) => {
                    tracing::info!("delivering tickets");
                    waiting.clear();
                    this.metrics.delivering.set(1);
                    let worked = Round::new(Arc::clone(&this), outbox).work(&mut follow, &stop).await;
                    this.metrics.delivering.set(0);
                    match worked {
                        Ok(()) => return,
                        Err(error) => error.to_string(),
                    }
                }
                Ok(None) => "another updater delivers tickets".to_owned(),
                Err(error) => error.to_string(),
            };
            if why != waiting {
                tracing::info!(%why, "not delivering tickets");
                waiting = why;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// One request to the tracker.
#[derive(Debug)]
enum Call {
    /// Makes a ticket.
    Create(DueTicket, Draft),
    /// Looks for a ticket that the tracker may have, and why.
    Find(DueTicket, TrackerError),
    /// Looks up a ticket opened elsewhere.
    LookUp(DueTicket),
    /// Writes a comment.
    Comment(DuePost, String),
    /// Looks whether a comment has arrived that may have.
    ReadBack(DuePost),
    /// Links a ticket to another.
    Link(DuePost, String),
    /// Asks how tickets are doing.
    States(Vec<Known>),
    /// Asks which fields a queue has.
    Fields(String),
}

/// What a request brought.
#[derive(Debug)]
enum Answer {
    Issue(Option<Issue>),
    Issues(Vec<Issue>),
    Found(bool),
    Fields(BTreeMap<String, String>),
    Done,
}

impl Call {
    fn name(&self) -> &'static str {
        match self {
            Self::Create(..) => "create",
            Self::Find(..) => "find",
            Self::LookUp(_) => "look_up",
            Self::Comment(..) => "comment",
            Self::ReadBack(_) => "read_back",
            Self::Link(..) => "link",
            Self::States(_) => "states",
            Self::Fields(_) => "fields",
        }
    }

    fn is_search(&self) -> bool {
        matches!(self, Self::Find(..) | Self::States(_))
    }

    async fn send(&self, tracker: &Tracker) -> Result<Answer, TrackerError> {
        Ok(match self {
            Self::Create(ticket, draft) => {
                Answer::Issue(Some(tracker.create(draft, &unique(&ticket.uuid)).await?))
            }
            Self::Find(ticket, _) => Answer::Issue(tracker.find_by_unique(&unique(&ticket.uuid)).await?),
            Self::LookUp(ticket) if tracker.reads_back() => {
                Answer::Issue(tracker.issue(ticket.key.as_deref().unwrap_or_default()).await?)
            }
            // The operator's word is all there is.
            Self::LookUp(ticket) => {
                Answer::Issue(ticket.key.as_ref().map(|key| Issue { key: key.clone(), ..Issue::default() }))
            }
            Self::Comment(post, body) => {
                tracker.comment(&post.key, body).await?;
                Answer::Done
            }
            Self::ReadBack(post) => Answer::Found(tracker.has_comment(&post.key, &mark(&post.uuid)).await?),
            Self::Link(post, other) => match tracker.link(&post.key, "relates", other).await {
                Ok(()) | Err(TrackerError::Unsupported(_)) => Answer::Done,
                Err(error) => return Err(error),
            },
            Self::States(known) => {
                let keys: Vec<&str> = known.iter().map(|known| known.key.as_str()).collect();
                Answer::Issues(tracker.issues(&keys).await?)
            }
            Self::Fields(queue) => Answer::Fields(tracker.fields(queue).await?),
        })
    }
}

/// What the tracker calls a ticket of ours.
fn unique(uuid: &str) -> String {
    format!("heat-{uuid}")
}

/// What marks a comment of ours.
fn mark(uuid: &str) -> String {
    format!("heat:{uuid}")
}

/// For as long as the outbox is held.
struct Round {
    delivery: Arc<Delivery>,
    outbox: Outbox,
    /// Calls that follow from the answer of another.
    next: VecDeque<Call>,
    flying: JoinSet<(Call, Result<Answer, TrackerError>)>,
    /// Nothing is sent before.
    held_until: Option<Instant>,
    refreshing: bool,
    queues_looked_at: Option<Instant>,
    fields_asked: BTreeMap<String, Instant>,
    record: TrackerRecord,
    written: Option<TrackerRecord>,
}

impl Round {
    fn new(delivery: Arc<Delivery>, outbox: Outbox) -> Self {
        let link = match &delivery.target {
            Target::Tracker(_) => String::new(),
            Target::Link { new_url, .. } => new_url.clone(),
        };
        let record =
            TrackerRecord { kind: delivery.target.kind().to_owned(), link, ..TrackerRecord::default() };
        Self {
            delivery,
            outbox,
            next: VecDeque::new(),
            flying: JoinSet::new(),
            held_until: None,
            refreshing: false,
            queues_looked_at: None,
            fields_asked: BTreeMap::new(),
            record,
            written: None,
        }
    }

    /// Until `stop`, or until Postgres does not answer any more.
    async fn work(mut self, follow: &mut Follow, stop: &CancellationToken) -> Result<(), DbError> {
        loop {
            self.outbox.note_cleared(self.delivery.quiet).await?;
            self.send_what_is_due().await?;
            self.report().await;
            let wake = self.next_look().await?;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = self.flying.join_next() => self.settle(ended).await?,
                _ = follow.next() => {}
                () = sleep_until(wake) => {}
            }
        }
        // What is under way may have arrived: hearing the answer spares a successor asking for it.
        let last = async {
            while let Some(ended) = self.flying.join_next().await {
                self.settle(ended).await?;
            }
            Ok::<_, DbError>(())
        };
        timeout(END_WITHIN, last).await.unwrap_or(Ok(()))
    }

    fn is_held(&self) -> bool {
        self.held_until.is_some_and(|until| Instant::now() < until)
    }

    async fn send_what_is_due(&mut self) -> Result<(), DbError> {
        while self.flying.len() < IN_FLIGHT && !self.is_held() {
            let Some(call) = self.next_call().await? else { return Ok(()) };
            let delivery = Arc::clone(&self.delivery);
            let Target::Tracker(tracker) = &delivery.target else {
                self.by_hand(call).await?;
                continue;
            };
            let wait = if matches!(call, Call::LookUp(_)) && !tracker.reads_back() {
                Duration::ZERO
            } else {
                self.outbox.pace(call.is_search()).await?
            };
            let delivery = Arc::clone(&self.delivery);
            self.flying.spawn(async move {
                sleep(wait).await;
                let sent = match &delivery.target {
                    Target::Tracker(tracker) => call.send(tracker).await,
                    Target::Link { .. } => Ok(Answer::Done),
                };
                (call, sent)
            });
        }
        Ok(())
    }

    /// Without a tracker to talk to, a ticket that somebody opened by hand exists by their word.
    async fn by_hand(&mut self, call: Call) -> Result<(), DbError> {
        let Target::Link { web_url, .. } = &self.delivery.target else { return Ok(()) };
        match call {
            Call::LookUp(ticket) => {
                let key = ticket.key.clone().unwrap_or_default();
                let url = web_url.as_ref().and_then(|web| web.join(&key).ok());
                let told = Told {
                    key,
                    url: url.map(String::from).unwrap_or_default(),
                    status: String::new(),
                    resolved: false,
                };
                self.outbox.ticket_created(ticket.id, &told).await?;
                self.tell_changed().await;
            }
            Call::Create(ticket, _) => {
                let error = "HEAT_TRACKER=link opens no tickets: open it by the link, and tell Heat its key";
                self.outbox.failed(Item::ticket(ticket.id), error, false).await?;
                self.tell_changed().await;
            }
            // Nobody hears the robot.
            Call::Comment(post, _) | Call::Link(post, _) | Call::ReadBack(post) => {
                self.outbox.post_sent(post.id).await?;
            }
            Call::Find(..) | Call::States(_) | Call::Fields(_) => {}
        }
        Ok(())
    }

    /// What is to be sent next, its attempt committed.
    async fn next_call(&mut self) -> Result<Option<Call>, DbError> {
        if let Some(call) = self.next.pop_front() {
            return Ok(Some(call));
        }
        if let Some(ticket) = self.outbox.claim_ticket().await? {
            if ticket.attached {
                return Ok(Some(Call::LookUp(ticket)));
            }
            return match ticket.draft() {
                Ok(draft) => Ok(Some(Call::Create(ticket, draft))),
                Err(error) => {
                    let error = format!("this version of Heat cannot read the ticket: {error}");
                    self.outbox.failed(Item::ticket(ticket.id), &error, ticket.maybe_sent).await?;
                    Ok(None)
                }
            };
        }
        while let Some(post) = self.outbox.due_post().await? {
            if let Some(call) = self.post_call(post).await? {
                return Ok(Some(call));
            }
        }
        self.question().await
    }

    async fn post_call(&mut self, post: DuePost) -> Result<Option<Call>, DbError> {
        let Some(body) = post.body.clone() else {
            let members = self.outbox.members(post.ticket_id).await?;
            let Some(words) = Words::read(&self.delivery.cache).await.of(&post, &members) else {
                self.outbox.drop_post(post.id).await?;
                return Ok(None);
            };
            let body = marked(&words.text, &post.uuid);
            self.outbox.claim_post(&post, &body, &words.announced).await?;
            return Ok(Some(Call::Comment(post, body)));
        };
        if post.kind == "link" {
            self.outbox.claim_post(&post, &body, &[]).await?;
            return Ok(Some(Call::Link(post, body)));
        }
        if post.maybe_sent {
            // No new attempt, but nobody else's business meanwhile.
            self.outbox.claim_post(&post, &body, &[]).await?;
            return Ok(Some(Call::ReadBack(post)));
        }
        let body = if post.attempts == 0 { marked(&body, &post.uuid) } else { body };
        self.outbox.claim_post(&post, &body, &[]).await?;
        Ok(Some(Call::Comment(post, body)))
    }

    /// With nothing to send, the tracker is asked how tickets are doing, and now and then what it knows.
    async fn question(&mut self) -> Result<Option<Call>, DbError> {
        let Target::Tracker(tracker) = &self.delivery.target else { return Ok(None) };
        if self.refreshing || !tracker.reads_back() {
            return Ok(None);
        }
        let known = self.outbox.to_refresh(STATES_AT_ONCE).await?;
        if !known.is_empty() {
            self.refreshing = true;
            return Ok(Some(Call::States(known)));
        }
        if self.queues_looked_at.is_some_and(|looked| looked.elapsed() < QUEUES_EVERY) {
            return Ok(None);
        }
        let mut queues = self.outbox.queues().await?;
        queues.extend(Words::read(&self.delivery.cache).await.queues());
        let due =
            |queue: &String| self.fields_asked.get(queue).is_none_or(|asked| asked.elapsed() >= FIELDS_EVERY);
        let Some(queue) = queues.into_iter().find(due) else {
            self.queues_looked_at = Some(Instant::now());
            return Ok(None);
        };
        self.fields_asked.insert(queue.clone(), Instant::now());
        Ok(Some(Call::Fields(queue)))
    }

    async fn settle(
        &mut self,
        ended: Result<(Call, Result<Answer, TrackerError>), tokio::task::JoinError>,
    ) -> Result<(), DbError> {
        let (call, answer) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // What it was sending stays marked so, and is taken up when the outbox is taken anew.
                tracing::error!(%error, "a call to the tracker panicked");
                return Ok(());
            }
        };
        let outcome = match &answer {
            Ok(_) => "ok",
            Err(TrackerError::Outage(_)) => "outage",
            Err(TrackerError::Limited { .. }) => "limited",
            Err(TrackerError::Unauthorized(_)) => "unauthorized",
            Err(_) => "refused",
        };
        self.delivery.metrics.calls.get_or_create(&CallLabels { call: call.name(), outcome }).inc();
        match &answer {
            Ok(_) => {
                self.record.error = String::new();
                self.record.answered_at = Some(Timestamp::now());
            }
            Err(error @ (TrackerError::Unauthorized(_) | TrackerError::Outage(_))) => {
                tracing::warn!(call = call.name(), %error, "the tracker");
                self.record.error = error.to_string();
            }
            Err(error) => tracing::info!(call = call.name(), %error, "the tracker"),
        }
        match answer {
            Err(TrackerError::Unauthorized(_)) => self.hold(LOCKED_OUT_FOR),
            Err(TrackerError::Limited { retry_after }) => {
                self.hold(retry_after.unwrap_or_else(|| back_off(1)));
            }
            _ => {}
        }
        match call {
            Call::Create(ticket, _) => self.settle_creation(ticket, answer).await,
            Call::Find(ticket, why) => self.settle_find(ticket, why, answer).await,
            Call::LookUp(ticket) => self.settle_look_up(ticket, answer).await,
            Call::ReadBack(post) => self.settle_read_back(post, answer).await,
            Call::Comment(post, _) | Call::Link(post, _) => self.settle_post(&post, answer).await,
            Call::States(known) => self.settle_states(&known, answer).await,
            Call::Fields(queue) => {
                if let Ok(Answer::Fields(fields)) = answer {
                    self.record.fields.insert(queue, fields);
                }
                Ok(())
            }
        }
    }

    async fn settle_creation(
        &mut self,
        ticket: DueTicket,
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        match answer {
            Ok(Answer::Issue(Some(issue))) => self.created(&ticket, issue).await,
            Ok(_) => Ok(()),
            Err(error @ TrackerError::Exists) => {
                self.next.push_back(Call::Find(ticket, error));
                Ok(())
            }
            // An attempt before this one may have made it, and then what is refused now is of no account.
            Err(error) if is_final(&error) && ticket.maybe_sent => {
                self.next.push_back(Call::Find(ticket, error));
                Ok(())
            }
            // There is nothing yet that could be locked: the queue is, and hardly for ever.
            Err(error @ TrackerError::Locked(_)) => {
                let (item, delay) = (Item::ticket(ticket.id), back_off(ticket.attempts));
                self.outbox.again(item, delay, &error.to_string(), ticket.maybe_sent).await?;
                self.tell_changed().await;
                Ok(())
            }
            Err(error) => {
                self.not_sent(Item::ticket(ticket.id), ticket.attempts, ticket.maybe_sent, &error).await
            }
        }
    }

    async fn settle_find(
        &mut self,
        ticket: DueTicket,
        why: TrackerError,
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        let item = Item::ticket(ticket.id);
        match answer {
            Ok(Answer::Issue(Some(issue))) => self.created(&ticket, issue).await,
            Ok(_) if why != TrackerError::Exists => {
                self.outbox.failed(item, &why.to_string(), false).await?;
                self.tell_changed().await;
                Ok(())
            }
            Ok(_) => {
                let error = "the tracker says that it has this ticket, and does not find it";
                if ticket.attempts >= LOST_AFTER {
                    self.outbox.failed(item, error, true).await?;
                } else {
                    self.outbox.again(item, back_off(ticket.attempts), error, true).await?;
                }
                self.tell_changed().await;
                Ok(())
            }
            Err(error) => {
                self.outbox.again(item, back_off(ticket.attempts), &error.to_string(), true).await?;
                self.tell_changed().await;
                Ok(())
            }
        }
    }

    async fn settle_look_up(
        &mut self,
        ticket: DueTicket,
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        let item = Item::ticket(ticket.id);
        match answer {
            Ok(Answer::Issue(Some(issue))) => self.created(&ticket, issue).await,
            Ok(_) => {
                let key = ticket.key.unwrap_or_default();
                self.outbox
                    .failed(item, &format!("the tracker has no ticket {key}; check the key"), false)
                    .await?;
                self.tell_changed().await;
                Ok(())
            }
            Err(error) => self.not_sent(item, ticket.attempts, false, &error).await,
        }
    }

    async fn created(&mut self, ticket: &DueTicket, issue: Issue) -> Result<(), DbError> {
        tracing::info!(ticket = ticket.id, key = issue.key, "the tracker has the ticket");
        // Its queue may be one whose fields are not known yet.
        self.queues_looked_at = None;
        match self.outbox.ticket_created(ticket.id, &told(issue)).await {
            Ok(()) => {}
            Err(error) if error.is_duplicate() => {
                let error = "the tracker gave it a key that another ticket of Heat has already";
                self.outbox.failed(Item::ticket(ticket.id), error, true).await?;
            }
            Err(error) => return Err(error),
        }
        self.tell_changed().await;
        Ok(())
    }

    async fn settle_read_back(
        &mut self,
        post: DuePost,
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        match answer {
            Ok(Answer::Found(true)) => self.outbox.post_sent(post.id).await,
            Ok(_) => {
                // It was claimed for this question; the repetition is an attempt of its own.
                let body = post.body.clone().unwrap_or_default();
                self.outbox.claim_post(&post, &body, &[]).await?;
                self.next.push_back(Call::Comment(post, body));
                Ok(())
            }
            // A question may be repeated at any time, unless the tracker wants to be left alone.
            Err(error @ TrackerError::Outage(_)) => {
                let delay = back_off(post.attempts);
                self.outbox.again(Item::post(post.id), delay, &error.to_string(), true).await
            }
            Err(error) => self.not_sent(Item::post(post.id), post.attempts, true, &error).await,
        }
    }

    async fn settle_post(
        &mut self,
        post: &DuePost,
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        match answer {
            Ok(_) => self.outbox.post_sent(post.id).await,
            Err(error) => {
                self.not_sent(Item::post(post.id), post.attempts + 1, post.maybe_sent, &error).await
            }
        }
    }

    async fn settle_states(
        &mut self,
        known: &[Known],
        answer: Result<Answer, TrackerError>,
    ) -> Result<(), DbError> {
        self.refreshing = false;
        let Ok(Answer::Issues(issues)) = answer else {
            // Asked again in a minute, as if they had been.
            self.outbox.refreshed(known, &[]).await?;
            return Ok(());
        };
        let mut found = Vec::new();
        for known in known {
            let is_it = |issue: &&Issue| issue.key == known.key || issue.aliases.contains(&known.key);
            if let Some(issue) = issues.iter().find(is_it) {
                found.push((known.id, told(issue.clone())));
            }
        }
        if self.outbox.refreshed(known, &found).await? {
            self.tell_changed().await;
        }
        Ok(())
    }

    /// An attempt that brought an error: tried again, or given up. `maybe_sent` is what was so before it.
    async fn not_sent(
        &mut self,
        item: Item,
        attempts: i32,
        maybe_sent: bool,
        error: &TrackerError,
    ) -> Result<(), DbError> {
        let text = error.to_string();
        match error {
            TrackerError::Outage(_) => {
                let delay = back_off(attempts);
                // A comment must have had its time to arrive before it is looked for.
                let delay = if item.is_post() { delay.max(self.delivery.read_back_after) } else { delay };
                self.outbox.again(item, delay, &text, true).await?;
            }
            TrackerError::Limited { retry_after } => {
                let delay = retry_after.unwrap_or_default().max(back_off(attempts));
                self.outbox.again(item, delay, &text, maybe_sent).await?;
            }
            TrackerError::Unauthorized(_) => {
                self.outbox.again(item, LOCKED_OUT_FOR, &text, maybe_sent).await?;
            }
            _ => self.outbox.failed(item, &text, maybe_sent).await?,
        }
        self.tell_changed().await;
        Ok(())
    }

    fn hold(&mut self, duration: Duration) {
        let until = Instant::now() + duration;
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
    }

    async fn next_look(&mut self) -> Result<Instant, DbError> {
        let now = Instant::now();
        let sweep = self.delivery.schedule.next().map(|at| at.since(Timestamp::now()));
        let sweep = now + sweep.unwrap_or(LOOK_EVERY).max(LOOK_EVERY);
        if self.flying.len() >= IN_FLIGHT {
            return Ok(sweep);
        }
        let due = self.outbox.next_due().await?.map(|due| now + due);
        let due = due.map(|due| self.held_until.map_or(due, |held| due.max(held)));
        Ok(due.map_or(sweep, |due| due.max(now + REST).min(sweep)))
    }

    /// The publisher and the replicas are told; if that fails, the next beat shows it.
    async fn tell_changed(&self) {
        if let Err(error) = self.delivery.cache.tell_changed().await {
            tracing::warn!(%error, "a ticket has changed, and the publisher was not told; the next beat shows it");
        }
    }

    /// Writes for `/status` and the ticket dialog how the tracker is doing, where that has changed.
    async fn report(&mut self) {
        match self.delivery.db.backlog().await {
            Ok(backlog) => {
                self.record.pending = u64::try_from(backlog.pending).unwrap_or(0);
                self.record.failed = u64::try_from(backlog.failed).unwrap_or(0);
                self.record.waiting_since = backlog.since.map(Into::into);
                let metrics = &self.delivery.metrics;
                metrics.pending.set(backlog.pending);
                metrics.failed.set(backlog.failed);
                metrics.waiting_since.set(self.record.waiting_since.map_or(0, Timestamp::unix));
            }
            Err(error) => tracing::debug!(%error, "the outbox was not counted"),
        }
        self.delivery.metrics.up.set(i64::from(self.record.error.is_empty()));
        if self.written.as_ref() == Some(&self.record) {
            return;
        }
        match self.delivery.cache.write_tracker(&self.record).await {
            Ok(()) => self.written = Some(self.record.clone()),
            Err(error) => tracing::debug!(%error, "how the tracker is doing was not written"),
        }
    }
}

/// The same request will never succeed.
fn is_final(error: &TrackerError) -> bool {
    matches!(error, TrackerError::Refused { .. } | TrackerError::NotFound(_))
}

fn told(issue: Issue) -> Told {
    Told { key: issue.key, url: issue.url, status: issue.status, resolved: issue.resolved }
}

/// The words with the mark by which they are found again.
fn marked(words: &str, uuid: &str) -> String {
    format!("{words}\n\n{}", mark(uuid))
}

/// How long to wait after so many attempts: full jitter over 1 s, 2 s, … 1 min. People wait for
/// their ticket, and the tracker is protected by the pace of all calls together.
fn back_off(attempts: i32) -> Duration {
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(LONGEST_BACK_OFF)
        .with_factor(2.0)
        .without_max_times();
    let before = usize::try_from(attempts.max(1) - 1).unwrap_or(0).min(16);
    let ceiling = delays.build().nth(before).unwrap_or(LONGEST_BACK_OFF);
    ceiling.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_seldom_and_at_least_every_minute() {
        for attempts in [-1, 0, 1, 2, 5, 6, 40, i32::MAX] {
            let limit = match attempts {
                ..=1 => 1,
                2 => 2,
                5 => 16,
                6 => 32,
                _ => 60,
            };
            for _ in 0..100 {
                assert!(back_off(attempts) <= Duration::from_secs(limit), "after {attempts}");
            }
        }
    }
}
