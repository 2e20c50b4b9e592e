//! Time limits against clients that are slow on purpose, so that none can hold connections, memory or tasks for long.
//!
//! A client can be slow in three places. Each file watches one of them, and all use one time limit, the setting
//! `slow_client_seconds`:
//!
//! - [`connection`]: a client that connects and sends nothing, or that does not read while the relay writes to its socket.
//!   HTTP/1 needs no more for responses: one that is not read stops the writes.
//! - [`request`]: a request body that stalls. The file also limits the body's size, and drains what a handler left unread,
//!   so that the client gets the response and can use the connection again.
//! - [`response`]: HTTP/2 responses that the client does not read. There the socket stays writable for other streams, so
//!   each response has a deadline, and a missed one ends the whole connection.
//!
//! The head of an HTTP/1 request is timed by hyper, which `listener` configures. Time-outs of `tower-http` and
//! `tokio-io-timeout` do the timing where they can. They cannot replace [`response`], for a body whose client does not read
//! is not polled and so never notices its own time-out, nor the first bytes of a connection, which hyper waits for without
//! a limit until it knows the HTTP version.

pub(crate) mod connection;
pub(crate) mod request;
mod response;

pub(crate) use self::response::ResponseWatchdog;
