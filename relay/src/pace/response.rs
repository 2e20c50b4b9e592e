//! HTTP/2 responses that a client does not read while the connection is alive otherwise.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Fires when the client of a connection has not read a response in time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseWatchdog(Arc<AtomicBool>);

impl ResponseWatchdog {
    pub(crate) fn has_fired(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns the body, which from now on must be read within `limit`.
    ///
    /// A body of unknown length may take any time: it is a stream that is produced while it is read, so that little of it
    /// waits in memory.
    pub(crate) fn watch(&self, body: Body, limit: Duration) -> Body {
        if body.size_hint().exact().is_none_or(|bytes| bytes == 0) {
            return body;
        }
        let fired = Arc::clone(&self.0);
        let timer = tokio::spawn(async move {
            sleep(limit).await;
            fired.store(true, Ordering::Relaxed);
        });
        Body::new(WatchedBody { body, last_byte: None, _timer: AbortOnDropHandle::new(timer) })
    }
}

/// A body whose timer runs until it is dropped.
///
/// It yields its last byte separately. Hyper queues what a body yields, and drops the body at its end, before the client has
/// read anything. Before it polls for more, however, it waits until the client has room for what is queued, so that a body
/// with one byte left is not dropped until the rest was read.
struct WatchedBody {
    body: Body,
    last_byte: Option<Bytes>,
    _timer: AbortOnDropHandle<()>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(last_byte) = self.last_byte.take() {
            return Poll::Ready(Some(Ok(Frame::data(last_byte))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let ends = self.body.is_end_stream();
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_data() {
                Ok(mut bytes) if ends && bytes.len() > 1 => {
                    self.last_byte = Some(bytes.split_off(bytes.len() - 1));
                    Frame::data(bytes)
                }
                Ok(bytes) => Frame::data(bytes),
                Err(trailers) => trailers,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.last_byte.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let (Some(last_byte), Some(rest)) = (&self.last_byte, hint.exact()) {
            hint.set_exact(rest + last_byte.len() as u64);
        }
        hint
    }
}
