//! What a source said in the last sweep that counts, so that the same words are not taken apart and made into events again.
//!
//! A sweep says again what the one before said if it has the same pages in the same order, each asked for and answered
//! alike. As long as it seems to, its answers are held and not looked into; from the first that differs on, all are.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// What a source said, from one sweep to the next. `A` is what a page is asked for, `R` what a sweep has to know of its
/// rows to go on behind it.
#[derive(Debug)]
pub(super) struct Heard<A, R> {
    /// The last sweep, if it was complete and its events were kept.
    kept: Option<Said<A, R>>,
    /// The last sweep, if it was complete, until it is known what became of its events.
    last: Option<Said<A, R>>,
}

/// A whole sweep.
#[derive(Debug)]
struct Said<A, R> {
    pages: Vec<(Page<A>, R)>,
    problems: u64,
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<A> {
    asked: A,
    /// Digest of the answer.
    digest: u64,
}

/// An answer, as a sweep takes it in.
pub(super) enum Words<A, R> {
    /// It and all before it say again what they said; this is known of its rows.
    Same(R),
    /// It has to be looked into, after those that are held.
    Other(Page<A>, Vec<u8>),
}

/// What has been said so far in a sweep under way.
#[derive(Debug)]
pub(super) struct Listening<A, R> {
    kept: Option<Said<A, R>>,
    pages: Vec<(Page<A>, R)>,
    /// The answers so far, as long as all say what was kept: then none has been taken apart.
    held: Option<Vec<Vec<u8>>>,
}

impl<A, R> Default for Heard<A, R> {
    fn default() -> Self {
        Self { kept: None, last: None }
    }
}

impl<A, R> Heard<A, R> {
    /// The events of the last sweep were kept.
    pub(super) fn kept(&mut self) {
        self.kept = self.last.take();
    }

    /// A sweep begins. Unless it is [`complete`](Self::complete), the one after it makes all events again.
    pub(super) fn begin(&mut self) -> Listening<A, R> {
        self.last = None;
        let kept = self.kept.take();
        Listening { held: kept.as_ref().map(|_| Vec::new()), kept, pages: Vec::new() }
    }

    /// A sweep was complete and brought so many distinct problems.
    pub(super) fn complete(&mut self, listening: Listening<A, R>, problems: u64) {
        self.last = Some(Said { pages: listening.pages, problems });
    }
}

impl<A, R> Default for Listening<A, R> {
    fn default() -> Self {
        Self { kept: None, pages: Vec::new(), held: None }
    }
}

impl<A: PartialEq, R: Clone> Listening<A, R> {
    /// Takes in the answer of the next page.
    pub(super) fn hear(&mut self, asked: A, answer: Vec<u8>) -> Words<A, R> {
        let page = Page { asked, digest: digest(&answer) };
        let kept = self.kept.as_ref().and_then(|kept| kept.pages.get(self.pages.len()));
        if let (Some(held), Some((like, rows))) = (&mut self.held, kept)
            && *like == page
        {
            held.push(answer);
            self.pages.push((page, rows.clone()));
            return Words::Same(rows.clone());
        }
        Words::Other(page, answer)
    }

    /// The answers that are held, to be looked into after all; from here on none will be.
    pub(super) fn take_held(&mut self) -> Vec<Vec<u8>> {
        self.held.take().unwrap_or_default()
    }

    /// Notes what became known of the rows of [`Words::Other`].
    pub(super) fn note(&mut self, page: Page<A>, rows: R) {
        self.pages.push((page, rows));
    }

    /// How many problems the kept sweep brought, if this one, being through, has said the same from end to end.
    pub(super) fn same(&self) -> Option<u64> {
        let kept = self.kept.as_ref().filter(|kept| kept.pages.len() == self.pages.len())?;
        self.held.is_some().then_some(kept.problems)
    }
}

/// A digest of an answer, by which it is known again.
pub fn digest(answer: &[u8]) -> u64 {
    FixedState::default().hash_one(answer)
}
