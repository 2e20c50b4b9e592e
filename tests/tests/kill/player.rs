use std::sync::Arc;

use mcp_multiplayer_tests::{HttpClient, WsClient};
use serde_json::Value;

use crate::run_state::RunState;

/// Transport that a player uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    WebSocket,
    Http,
}

/// Operation and arguments of a request.
pub(crate) type Request = (&'static str, Value);

/// A client that repeats every request unchanged until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Player {
    run: Arc<RunState>,
    name: &'static str,
    token: String,
    transport: Transport,
    connection: Option<Connection>,
    /// The relay's incarnation to which the connection was made.
    incarnation: u64,
    /// The latest incarnation that this player has seen end.
    ended: u64,
}

#[derive(Debug)]
enum Connection {
    WebSocket(Box<WsClient>),
    Http(HttpClient),
}

/// Error of a connection that ended.
#[derive(Debug)]
struct ConnectionLost(anyhow::Error);

impl Player {
    pub(crate) fn new(run: Arc<RunState>, name: &'static str, token: String, transport: Transport) -> Self {
        Self { run, name, token, transport, connection: None, incarnation: 0, ended: 0 }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Performs an operation. Repeats it until a relay acknowledges it.
    pub(crate) async fn call(&mut self, op: &'static str, args: Value) -> Value {
        self.call_all(&[(op, args)]).await.remove(0)
    }

    /// Performs operations, concurrently where the transport allows it.
    pub(crate) async fn call_all(&mut self, requests: &[Request]) -> Vec<Value> {
        let mut answers = vec![None; requests.len()];
        while answers.contains(&None) {
            self.connect().await;
            if let Err(lost) = self.try_all(requests, &mut answers).await {
                self.disconnected(&lost);
            }
        }
        answers.into_iter().flatten().collect()
    }

    /// Sends a request and disconnects without reading the response, as soon as another request is acknowledged.
    pub(crate) async fn abandon(&mut self, op: &'static str, args: Value) {
        let run = Arc::clone(&self.run);
        self.connect().await;
        let others = run.acknowledged_at_least(run.acknowledged() + 1);
        let mut answers = [None];
        let requests = [(op, args)];
        let outcome = tokio::select! {
            biased;
            outcome = self.try_all(&requests, &mut answers) => outcome,
            () = others => Ok(()),
        };
        match outcome {
            Ok(()) => self.connection = None,
            Err(lost) => self.disconnected(&lost),
        }
    }

    async fn connect(&mut self) {
        while self.connection.is_none() {
            self.incarnation = self.run.incarnation_after(self.ended).await;
            let address = self.run.address();
            let connection = match self.transport {
                Transport::WebSocket => {
                    WsClient::connect(address, &self.token).await.map(|client| Connection::WebSocket(Box::new(client)))
                }
                Transport::Http => HttpClient::connect(address, &self.token).await.map(Connection::Http),
            };
            match connection {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => self.disconnected(&ConnectionLost(error)),
            }
        }
    }

    fn disconnected(&mut self, lost: &ConnectionLost) {
        let ConnectionLost(error) = lost;
        let killed = !self.run.is_last(self.incarnation);
        assert!(killed, "{} lost a connection to a relay that nobody killed: {error:?}", self.name);
        self.connection = None;
        self.ended = self.incarnation;
    }

    /// Sends every request that has no answer yet.
    async fn try_all(&mut self, requests: &[Request], answers: &mut [Option<Value>]) -> Result<(), ConnectionLost> {
        let (name, run) = (self.name, Arc::clone(&self.run));
        let open: Vec<usize> = (0..requests.len()).filter(|index| answers[*index].is_none()).collect();
        match self.connection.as_mut().expect("connected before") {
            Connection::WebSocket(client) => {
                let mut ids = vec![];
                for index in open {
                    let (op, args) = &requests[index];
                    ids.push((client.send(op, args.clone()).await.map_err(ConnectionLost)?, index));
                }
                while !ids.is_empty() {
                    let mut frame = client.frame().await.map_err(ConnectionLost)?;
                    let Some(place) = ids.iter().position(|(id, _)| frame["id"] == *id) else { continue };
                    let (_, index) = ids.swap_remove(place);
                    let Some(answer) = frame.get_mut("ok").map(Value::take) else {
                        let error = frame["error"].to_string();
                        assert!(is_internal_failure(&error), "{name}: {:?} was refused: {error}", requests[index]);
                        run.note_failure(&error);
                        continue;
                    };
                    answers[index] = Some(answer);
                    run.acknowledge();
                }
            }
            Connection::Http(client) => {
                for index in open {
                    let (op, args) = &requests[index];
                    answers[index] = match client.call_tool(op, args.clone()).await {
                        Ok(answer) => Some(answer),
                        Err(error) if error.is::<hyper::Error>() || error.is::<std::io::Error>() => {
                            return Err(ConnectionLost(error));
                        }
                        Err(error) => {
                            let error = error.to_string();
                            assert!(is_internal_failure(&error), "{name}: {:?} was refused: {error}", requests[index]);
                            run.note_failure(&error);
                            continue;
                        }
                    };
                    run.acknowledge();
                }
            }
        }
        Ok(())
    }
}

/// Returns whether an error is an internal failure of the relay, after which a request can be repeated.
fn is_internal_failure(error: &str) -> bool {
    error.contains("\"INTERNAL_ERROR\"") || error.contains("\"BOTS_UNAVAILABLE\"")
}
