//! Connections whose clients do not begin to speak, or do not read.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::Overdue;

/// A socket whose writes may not stand still for long; how long it has nothing to say is its own affair.
pub(crate) type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// The length of HTTP/2's preface (RFC 9113, section 3.4), which no HTTP/1 request falls far short of.
const OPENING_BYTES: usize = 24;

/// The stream that HTTP is spoken over. It fails when the client does not begin to speak in time, and once a response
/// is overdue.
///
/// From the first bytes on, HTTP's own time limits apply. The permit is held as long as the stream lives, also after an
/// upgrade to WebSocket.
#[derive(Debug)]
pub(crate) struct Link<P> {
    stream: Either<Socket, Box<TlsStream<Socket>>>,
    opening: Option<Opening>,
    overdue: Overdue,
    _permit: P,
}

/// A client that has not said yet which HTTP it speaks.
#[derive(Debug)]
struct Opening {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

/// The socket of a connection whose client may keep the relay from writing for so long.
pub(crate) fn socket(stream: TcpStream, patience: Duration) -> Socket {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    Box::pin(stream)
}

impl<P> Link<P> {
    pub(crate) fn new(stream: Either<Socket, Box<TlsStream<Socket>>>, patience: Duration, permit: P) -> Self {
        let opening = Opening { missing: OPENING_BYTES, deadline: Box::pin(sleep(patience)) };
        Self { stream, opening: Some(opening), overdue: Overdue::default(), _permit: permit }
    }

    /// For the answers of this connection.
    pub(crate) fn overdue(&self) -> Overdue {
        self.overdue.clone()
    }
}

impl<P: Unpin> AsyncRead for Link<P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // HTTP/2 comes by here at least as often as it sends pings.
        if self.overdue.is_set() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(opening) = &mut self.opening {
            if read.is_pending() {
                ready!(opening.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            opening.missing = opening.missing.saturating_sub(buf.filled().len() - before);
            if opening.missing == 0 {
                self.opening = None;
            }
        }
        read
    }
}

impl<P: Unpin> AsyncWrite for Link<P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
