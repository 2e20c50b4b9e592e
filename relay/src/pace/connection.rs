//! Connections whose client sends nothing at first, or does not read.

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

use super::ResponseWatchdog;

/// A socket on which a write fails when it makes no progress in time. Reads may take any time.
pub(crate) type TimedSocket = Pin<Box<TimeoutStream<TcpStream>>>;

/// The first bytes of HTTP/2 (RFC 9113, section 3.4). An HTTP/1 request is hardly ever shorter.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection, with or without TLS, as HTTP reads and writes it.
///
/// It fails when the first bytes do not arrive in time, and once the [`ResponseWatchdog`] has fired. After the first bytes,
/// HTTP's own time limits apply. The permit is held as long as the stream exists, also after an upgrade to WebSocket.
#[derive(Debug)]
pub(crate) struct ClientStream<P> {
    stream: Either<TimedSocket, Box<TlsStream<TimedSocket>>>,
    preface: Option<Preface>,
    watchdog: ResponseWatchdog,
    _permit: P,
}

/// The wait for the first bytes, from which hyper tells the HTTP version.
#[derive(Debug)]
struct Preface {
    /// `true` once the first bytes were looked at, to tell the HTTP version.
    seen: bool,
    missing_bytes: usize,
    deadline: Pin<Box<Sleep>>,
}

/// Sets the time in which a write to the socket must make progress.
pub(crate) fn with_write_timeout(stream: TcpStream, limit: Duration) -> TimedSocket {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limit));
    Box::pin(stream)
}

impl<P> ClientStream<P> {
    /// A stream whose first bytes must arrive within `limit`.
    pub(crate) fn new(stream: Either<TimedSocket, Box<TlsStream<TimedSocket>>>, limit: Duration, permit: P) -> Self {
        let preface = Preface { seen: false, missing_bytes: PREFACE.len(), deadline: Box::pin(sleep(limit)) };
        Self { stream, preface: Some(preface), watchdog: ResponseWatchdog::default(), _permit: permit }
    }

    /// Returns whether the client speaks HTTP/1, without reading anything; `false` if that cannot be told yet.
    fn poll_is_http1(&self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let socket = match &self.stream {
            Either::Left(socket) => socket.get_ref(),
            Either::Right(tls) => return Poll::Ready(Ok(tls.get_ref().1.alpn_protocol() != Some(b"h2"))),
        };
        let mut bytes = [0; PREFACE.len()];
        let mut peeked = ReadBuf::new(&mut bytes);
        ready!(socket.poll_peek(cx, &mut peeked))?;
        Poll::Ready(Ok(!PREFACE.starts_with(peeked.filled())))
    }

    /// The watchdog for the responses on this connection.
    pub(crate) fn watchdog(&self) -> ResponseWatchdog {
        self.watchdog.clone()
    }
}

impl<P: Unpin> AsyncRead for ClientStream<P> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // HTTP/2 reads at least as often as it sends pings, so the watchdog is noticed by then.
        if self.watchdog.has_fired() {
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let is_http1 = match &self.preface {
            Some(Preface { seen: false, .. }) => self.poll_is_http1(cx)?,
            _ => Poll::Ready(false),
        };
        let read = match is_http1 {
            // hyper-util takes a first read of nothing for HTTP/1. If it read these bytes to see for itself, hyper would find
            // some of them in its buffer, and double it. That costs a page of memory as long as the connection is open.
            Poll::Ready(true) => Poll::Ready(Ok(())),
            Poll::Ready(false) => Pin::new(&mut self.stream).poll_read(cx, buf),
            Poll::Pending => Poll::Pending,
        };
        if let Some(preface) = &mut self.preface {
            if read.is_pending() {
                ready!(preface.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            preface.seen = true;
            preface.missing_bytes = preface.missing_bytes.saturating_sub(buf.filled().len() - before);
            if preface.missing_bytes == 0 {
                self.preface = None;
            }
        }
        read
    }
}

impl<P: Unpin> AsyncWrite for ClientStream<P> {
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
