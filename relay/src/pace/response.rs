//! Answers that a client does not take, on a connection that is alive otherwise: HTTP/2, where no write stands still.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Whether the client of a connection has let an answer wait too long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overdue(Arc<AtomicBool>);

impl Overdue {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The body, to be taken within so long. One whose end is not known yet may take its time: it is not kept for
    /// the client, but made as it comes.
    pub(crate) fn watch(&self, body: Body, patience: Duration) -> Body {
        if body.size_hint().exact().is_none_or(|bytes| bytes == 0) {
            return body;
        }
        let overdue = Arc::clone(&self.0);
        let watch = tokio::spawn(async move {
            sleep(patience).await;
            overdue.store(true, Ordering::Relaxed);
        });
        Body::new(Watched { body, last: None, _watch: AbortOnDropHandle::new(watch) })
    }
}

/// A body that is waited for until it is dropped.
///
/// Its last byte comes by itself: what is asked for at once is queued for the client, and the body dropped, before
/// anything of it was taken. The rest is asked for when the client has room for what was queued.
struct Watched {
    body: Body,
    last: Option<Bytes>,
    _watch: AbortOnDropHandle<()>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(Some(Ok(Frame::data(last))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ends = self.body.is_end_stream();
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_data() {
                Ok(mut bytes) if ends && bytes.len() > 1 => {
                    self.last = Some(bytes.split_off(bytes.len() - 1));
                    Frame::data(bytes)
                }
                Ok(bytes) => Frame::data(bytes),
                Err(trailers) => trailers,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let (Some(last), Some(rest)) = (&self.last, hint.exact()) {
            hint.set_exact(rest + last.len() as u64);
        }
        hint
    }
}
