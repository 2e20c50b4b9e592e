//! Time limits against clients that are slow on purpose, so that nobody can hold connections, memory or tasks for long.
//!
//! A client can be slow in three places, and each file here watches one of them. All use one limit,
//! `slow_client_seconds`, below called the patience.
//!
//! - [`connection`]: a client that connects and does not begin to speak, and writes to the socket that make no progress.
//!   HTTP/1 needs no more than that: a response that is not read stops the writes.
//! - [`request`]: a request body that stops arriving. It also bounds the body's size, and reads what a handler left
//!   unread, so that the client sees the answer and may use the connection again.
//! - [`response`]: responses that an HTTP/2 client does not read. There the socket stays writable for other streams, so
//!   that each response has a deadline of its own; a missed one ends the whole connection.
//!
//! The head of an HTTP/1 request is timed by hyper, see `listener`.

pub(crate) mod connection;
pub(crate) mod request;
mod response;

pub(crate) use self::response::Overdue;
