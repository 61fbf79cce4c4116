//! The broadcaster: one subscription and one read per change for the whole replica, then the same bytes to every socket.
//!
//! A frame is what goes over the wire, WebSocket header included: server frames are not masked, so one frame serves all.
//! With permessage-deflate its payload is a slice of the stored gzip (see [`heat::packed`]): nobody compresses again.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::Context;
use bytes::{BufMut, Bytes, BytesMut};
use heat::cache::{Cache, CacheError, CachedSnapshot, Hint, Notifications};
use heat::packed::Packed;
use tokio::sync::{OnceCell, watch};

use crate::metrics::Metrics;
use crate::problem::Problem;

/// Between two attempts to read after one that failed, when no hint comes.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// FIN and text.
const TEXT: u8 = 0x81;

/// RSV1 on the first frame of a message: compressed (RFC 7692, 6).
const COMPRESSED: u8 = 0x40;

/// One snapshot in the forms it is sent in.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The snapshot's revision.
    pub(crate) revision: u64,
    /// How many this replica has published before; a gap in what a socket sends is what it skipped.
    pub(crate) number: u64,
    /// The document itself.
    pub(crate) packed: Packed,
    deflate: Bytes,
    plain: OnceCell<Plain>,
}

#[derive(Debug)]
struct Plain {
    frame: Bytes,
    json: Bytes,
}

impl Frame {
    /// Frames a snapshot.
    pub(crate) fn new(snapshot: CachedSnapshot, number: u64) -> Self {
        let CachedSnapshot { revision, body: packed } = snapshot;
        let (deflate, _) = framed(TEXT | COMPRESSED, &packed.message());
        Self { revision, number, packed, deflate, plain: OnceCell::new() }
    }

    /// The frame for a client that negotiated permessage-deflate, or for one that did not.
    pub(crate) async fn bytes(&self, deflate: bool) -> anyhow::Result<Bytes> {
        if deflate { Ok(self.deflate.clone()) } else { Ok(self.plain().await?.frame.clone()) }
    }

    /// The document without compression.
    pub(crate) async fn json(&self) -> anyhow::Result<Bytes> {
        Ok(self.plain().await?.json.clone())
    }

    /// Inflated once, when the first client needs it, away from the threads that serve sockets.
    async fn plain(&self) -> anyhow::Result<&Plain> {
        let inflate = async || {
            let packed = self.packed.clone();
            let inflated = tokio::task::spawn_blocking(move || packed.json()).await?;
            let json = inflated.context("the snapshot in Redis is damaged")?;
            let (frame, json) = framed(TEXT, &json);
            anyhow::Ok(Plain { frame, json })
        };
        self.plain.get_or_try_init(inflate).await
    }
}

/// A server's WebSocket frame (RFC 6455, 5.2), and the payload as a part of it.
fn framed(first: u8, payload: &[u8]) -> (Bytes, Bytes) {
    let mut frame = BytesMut::with_capacity(10 + payload.len());
    frame.put_u8(first);
    match payload.len() {
        length @ ..=125 => frame.put_u8(u8::try_from(length).unwrap_or(0)),
        length @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(u16::try_from(length).unwrap_or(0));
        }
        length => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    let header = frame.len();
    frame.put_slice(payload);
    let frame = frame.freeze();
    let payload = frame.slice(header..);
    (frame, payload)
}

/// The latest frame, and whoever waits for the next.
pub(crate) struct Feed {
    cache: Cache,
    asking: Mutex<Weak<OnceCell<Option<u64>>>>,
    frames: watch::Sender<Option<Arc<Frame>>>,
    notifications: watch::Receiver<Notifications>,
}

impl Feed {
    /// Follows the snapshot for as long as `carry`, the second part, is driven.
    pub(crate) fn new(
        cache: Cache,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let frames = watch::Sender::new(None);
        let mut follow = cache.follow(cache.keys().snapshot());
        let feed = Self {
            cache: cache.clone(),
            asking: Mutex::default(),
            frames: frames.clone(),
            notifications: follow.notifications(),
        };
        let carry = async move {
            let mut failed = false;
            loop {
                let hint = tokio::select! {
                    hint = follow.next() => hint,
                    () = tokio::time::sleep(RETRY_AFTER), if failed => Hint::Look,
                };
                let carried = carry_one(&cache, hint, &frames, &metrics).await;
                if let (Err(error), false) = (&carried, failed) {
                    tracing::warn!(%error, "cannot read the snapshot; the last one stays on the screens");
                }
                failed = carried.is_err();
            }
        };
        (feed, carry)
    }

    /// The latest frame, if there was one since the start.
    pub(crate) fn latest(&self) -> Option<Arc<Frame>> {
        self.frames.borrow().clone()
    }

    /// What Redis holds. The latest frame mostly is the same, and then the body need not travel again.
    pub(crate) async fn current(&self) -> Result<Option<Arc<Frame>>, CacheError> {
        let revision = self.revision().await?;
        if let Some(frame) = self.latest().filter(|frame| Some(frame.revision) == revision) {
            return Ok(Some(frame));
        }
        // Rarely: on the heap.
        let snapshot = Box::pin(self.cache.snapshot()).await?;
        Ok(snapshot.map(|snapshot| Arc::new(Frame::new(snapshot, 0))))
    }

    /// The revision Redis holds. Requests that come while the question is under way share its answer: however many there
    /// are, Redis is asked one question at a time.
    async fn revision(&self) -> Result<Option<u64>, CacheError> {
        let answer = {
            let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
            asking.upgrade().filter(|answer| !answer.initialized()).unwrap_or_else(|| {
                let answer = Arc::new(OnceCell::new());
                *asking = Arc::downgrade(&answer);
                answer
            })
        };
        answer.get_or_try_init(|| Box::pin(self.cache.revision())).await.copied()
    }

    /// The latest frame and every one to come; newest wins.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Frame>>> {
        let mut frames = self.frames.subscribe();
        frames.mark_changed();
        frames
    }

    /// How changes become known.
    pub(crate) fn notifications(&self) -> Notifications {
        *self.notifications.borrow()
    }

    /// The latest frame, or why there is none.
    pub(crate) fn required(&self) -> Result<Arc<Frame>, Problem> {
        self.latest()
            .ok_or_else(|| Problem::not_now("no snapshot has been published yet; is the updater running?"))
    }
}

/// Publishes what Redis holds if it is not what was published last.
///
/// Another revision is taken whether greater or smaller: the updater keeps it growing, and should it ever not, screens
/// that show what Redis holds are right, and screens that wait for a greater number are wrong for good.
async fn carry_one(
    cache: &Cache,
    hint: Hint,
    frames: &watch::Sender<Option<Arc<Frame>>>,
    metrics: &Metrics,
) -> Result<(), CacheError> {
    let (shown, number) = frames.borrow().as_ref().map_or((None, 0), |f| (Some(f.revision), f.number + 1));
    // A notification means new data; a look mostly finds nothing, and asks for no more than the number.
    if hint == Hint::Look && shown.is_some() && cache.revision().await? == shown {
        return Ok(());
    }
    let Some(snapshot) = cache.snapshot().await? else { return Ok(()) };
    if Some(snapshot.revision) != shown {
        metrics.published(&snapshot);
        frames.send_replace(Some(Arc::new(Frame::new(snapshot, number))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_length_in_the_shortest_form() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let (frame, payload) = framed(TEXT, &vec![b'x'; length]);
            assert_eq!(frame[..frame.len() - length], header, "{length}");
            assert_eq!(payload.len(), length);
        }
    }

    #[tokio::test]
    async fn both_forms_carry_the_same_document() {
        let json = br#"{"revision":7}"#.repeat(50);
        let snapshot = CachedSnapshot { revision: 7, body: Packed::new(&json).unwrap() };
        let frame = Frame::new(snapshot, 0);
        assert_eq!(frame.json().await.unwrap(), json);
        let plain = frame.bytes(false).await.unwrap();
        assert!(plain.ends_with(&json));
        let deflate = frame.bytes(true).await.unwrap();
        assert_eq!(deflate[0], 0xc1);
        assert!(deflate.ends_with(&frame.packed.message()));
    }
}
