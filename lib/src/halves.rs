//! Two cores for one large piece of work.

use std::panic::resume_unwind;
use std::thread;

/// From so many items on a second thread saves more than starting it costs, tens of microseconds.
pub(crate) const WORTH_A_THREAD: usize = 4_000;

/// Does `work` on the first and the second half of many `items` at the same time, or on all of a few.
///
/// A panic of either half is the caller's.
pub(crate) fn in_halves<'a, T: Sync, R: Send>(
    items: &'a [T],
    work: impl Fn(&'a [T]) -> R + Sync,
) -> (R, Option<R>) {
    if items.len() < WORTH_A_THREAD {
        return (work(items), None);
    }
    let (front, back) = items.split_at(items.len() / 2);
    thread::scope(|scope| {
        let back = scope.spawn(|| work(back));
        let front = work(front);
        (front, Some(back.join().unwrap_or_else(|panic| resume_unwind(panic))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_halves_together_are_the_whole(length in 0_usize..3 * WORTH_A_THREAD) {
            let items: Vec<usize> = (0..length).collect();
            let (mut front, back) = in_halves(&items, <[usize]>::to_vec);
            prop_assert_eq!(back.is_some(), length >= WORTH_A_THREAD);
            front.extend(back.unwrap_or_default());
            prop_assert_eq!(front, items);
        }
    }

    #[test]
    #[should_panic(expected = "in the back")]
    fn a_panic_of_the_other_half_is_not_lost() {
        in_halves(&vec![1; WORTH_A_THREAD - 1].into_iter().chain([2]).collect::<Vec<_>>(), |part| {
            assert!(part.last() != Some(&2), "in the back");
        });
    }
}
