//! Waiting for a condition.

use std::time::{Duration, Instant};

/// How often a condition is looked at: often enough that a test loses no time, seldom enough to cost nothing.
const GLANCE: Duration = Duration::from_millis(20);

/// Asks `condition` again and again until it gives a value, and returns that.
///
/// `what` completes the sentence "waited N s for …". A condition that is a plain boolean says
/// `.then_some(())`.
///
/// # Errors
/// When `patience` has passed. The condition is asked at least once, and once more after the deadline, so that
/// a machine that stood still in between is not taken for a failure.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
/// use std::time::Duration;
/// let mut asked = 0;
/// let third = heat_devkit::eventually("the third answer", Duration::from_secs(5), async || {
///     asked += 1;
///     (asked == 3).then_some(asked)
/// })
/// .await?;
/// assert_eq!(third, 3);
/// # Ok(()) }
/// ```
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        let late = start.elapsed() >= patience;
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if late {
            anyhow::bail!("waited {:.1} s for {what}", start.elapsed().as_secs_f32());
        }
        tokio::time::sleep(GLANCE).await;
    }
}
