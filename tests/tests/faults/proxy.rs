use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_multiplayer_tests::SeededRandom;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Something that happens to a connection after a number of bytes in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    kind: FaultKind,
    after: usize,
    to_relay: bool,
}

#[derive(Clone, Copy, Debug)]
enum FaultKind {
    /// The connection is closed.
    Close,
    /// The connection is reset, perhaps in the middle of a frame.
    Reset,
    /// Nothing arrives for a while.
    Stall(Duration),
    /// Nothing arrives any more, and nobody is told.
    HalfOpen,
    /// The last bytes arrive twice, as no network would do it, but a broken middlebox might.
    Duplicate,
    /// From now on, a few bytes arrive at a time.
    Slow,
}

impl Fault {
    /// A fault of any kind, somewhere in the handshake or the messages after it.
    pub(crate) fn random(random: &mut SeededRandom) -> Self {
        let kind = match random.below(6) {
            0 => FaultKind::Close,
            1 => FaultKind::Reset,
            2 => FaultKind::Stall(Duration::from_millis(random.below(3_000) as u64)),
            3 => FaultKind::HalfOpen,
            4 => FaultKind::Duplicate,
            _ => FaultKind::Slow,
        };
        Self { kind, after: random.below(6_000), to_relay: random.one_in(2) }
    }
}

/// A proxy between a client and the relay. Its first connections each have one of the faults; later ones have none. Dropping it
/// closes all connections.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    _tasks: JoinSet<()>,
}

impl FaultProxy {
    pub(crate) async fn start(relay: &str, faults: Vec<Fault>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, relay) = (listener.local_addr()?, relay.to_owned());
        let faults = Arc::new(Mutex::new(VecDeque::from(faults)));
        let (mut tasks, queue) = (JoinSet::new(), Arc::clone(&faults));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let fault = queue.lock().unwrap().pop_front();
                let Ok(server) = TcpStream::connect(&relay).await else { continue };
                connections.spawn(connect(client, server, fault));
            }
        });
        Ok(Self { address, faults, _tasks: tasks })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Leaves later connections alone.
    pub(crate) fn heal(&self) {
        self.faults.lock().unwrap().clear();
    }
}

/// The end of one direction of a connection.
enum End {
    Closed,
    Reset,
    /// Both directions stay open, and silent.
    Silent,
}

async fn connect(client: TcpStream, server: TcpStream, fault: Option<Fault>) {
    let (Ok(()), Ok(())) = (client.set_nodelay(true), server.set_nodelay(true)) else { return };
    let ((client_read, client_write), (server_read, server_write)) = (client.into_split(), server.into_split());
    let of = |to_relay: bool| fault.filter(|fault| fault.to_relay == to_relay);
    // The halves are returned, so that both sockets are still open when it is decided how they end.
    let (mut up, mut down) =
        (Direction(client_read, server_write, of(true)), Direction(server_read, client_write, of(false)));
    let end = tokio::select! {
        end = up.forward() => end,
        end = down.forward() => end,
    };
    match end {
        End::Closed => {}
        End::Reset => {
            for writer in [&up.1, &down.1] {
                // Closing a socket with a linger time of zero resets the connection.
                let _ = writer.as_ref().set_zero_linger();
            }
        }
        End::Silent => std::future::pending().await,
    }
}

struct Direction(OwnedReadHalf, OwnedWriteHalf, Option<Fault>);

impl Direction {
    async fn forward(&mut self) -> End {
        let Self(from, to, fault) = self;
        let (mut forwarded, mut buffer, mut slow) = (0, vec![0; 16 * 1024], false);
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else { return End::Closed };
            let mut bytes = &buffer[..read];
            if let Some(Fault { kind, after, .. }) = *fault
                && forwarded + read > after
            {
                let (before, rest) = bytes.split_at(after - forwarded);
                *fault = None;
                if to.write_all(before).await.is_err() {
                    return End::Closed;
                }
                bytes = rest;
                match kind {
                    FaultKind::Close => return End::Closed,
                    FaultKind::Reset => return End::Reset,
                    FaultKind::HalfOpen => return End::Silent,
                    FaultKind::Stall(time) => sleep(time).await,
                    FaultKind::Slow => slow = true,
                    FaultKind::Duplicate => {
                        if to.write_all(before).await.is_err() {
                            return End::Closed;
                        }
                    }
                }
            }
            forwarded += read;
            for piece in bytes.chunks(if slow { 7 } else { bytes.len().max(1) }) {
                if to.write_all(piece).await.is_err() {
                    return End::Closed;
                }
                if slow {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}
