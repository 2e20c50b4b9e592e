use std::sync::Arc;

use mcp_multiplayer_tests::{HttpClient, WsClient};
use serde_json::Value;

use crate::world::World;

/// By which door a player comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Door {
    WebSocket,
    Http,
}

/// A request: operation and arguments.
pub(crate) type Request = (&'static str, Value);

/// A client that repeats, as it was, what it does not know to be done.
#[derive(Debug)]
pub(crate) struct Player {
    world: Arc<World>,
    name: &'static str,
    token: String,
    door: Door,
    line: Option<Line>,
    /// The relay's life that the line was made in.
    life: u64,
    /// The relay's latest life that this player has seen end.
    dead: u64,
}

#[derive(Debug)]
enum Line {
    WebSocket(Box<WsClient>),
    Http(HttpClient),
}

/// The connection ended.
#[derive(Debug)]
struct Lost(anyhow::Error);

impl Player {
    pub(crate) fn new(world: Arc<World>, name: &'static str, token: String, door: Door) -> Self {
        Self { world, name, token, door, line: None, life: 0, dead: 0 }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Performs an operation, however many lives of the relay it takes.
    pub(crate) async fn call(&mut self, op: &'static str, args: Value) -> Value {
        self.call_all(&[(op, args)]).await.remove(0)
    }

    /// Performs operations, all at once where the door allows it.
    pub(crate) async fn call_all(&mut self, requests: &[Request]) -> Vec<Value> {
        let mut answers = vec![None; requests.len()];
        while answers.contains(&None) {
            self.connect().await;
            if let Err(lost) = self.try_all(requests, &mut answers).await {
                self.lost(&lost);
            }
        }
        answers.into_iter().flatten().collect()
    }

    /// Asks for something, and hangs up without having looked at the answer, as soon as anybody else got one.
    pub(crate) async fn abandon(&mut self, op: &'static str, args: Value) {
        let world = Arc::clone(&self.world);
        self.connect().await;
        let others = world.reached(world.acknowledged() + 1);
        let mut answers = [None];
        let requests = [(op, args)];
        let outcome = tokio::select! {
            biased;
            outcome = self.try_all(&requests, &mut answers) => outcome,
            () = others => Ok(()),
        };
        match outcome {
            Ok(()) => self.line = None,
            Err(lost) => self.lost(&lost),
        }
    }

    async fn connect(&mut self) {
        while self.line.is_none() {
            self.life = self.world.life_after(self.dead).await;
            let address = self.world.address();
            let line = match self.door {
                Door::WebSocket => {
                    WsClient::connect(address, &self.token).await.map(|client| Line::WebSocket(Box::new(client)))
                }
                Door::Http => HttpClient::connect(address, &self.token).await.map(Line::Http),
            };
            match line {
                Ok(line) => self.line = Some(line),
                Err(error) => self.lost(&Lost(error)),
            }
        }
    }

    fn lost(&mut self, lost: &Lost) {
        let Lost(error) = lost;
        let killed = !self.world.is_last(self.life);
        assert!(killed, "{} lost a connection to a relay that nobody killed: {error:?}", self.name);
        self.line = None;
        self.dead = self.life;
    }

    /// Asks for what has no answer yet.
    async fn try_all(&mut self, requests: &[Request], answers: &mut [Option<Value>]) -> Result<(), Lost> {
        let (name, world) = (self.name, Arc::clone(&self.world));
        let open: Vec<usize> = (0..requests.len()).filter(|index| answers[*index].is_none()).collect();
        match self.line.as_mut().expect("connected before") {
            Line::WebSocket(client) => {
                let mut ids = vec![];
                for index in open {
                    let (op, args) = &requests[index];
                    ids.push((client.send(op, args.clone()).await.map_err(Lost)?, index));
                }
                while !ids.is_empty() {
                    let mut frame = client.frame().await.map_err(Lost)?;
                    let Some(place) = ids.iter().position(|(id, _)| frame["id"] == *id) else { continue };
                    let (_, index) = ids.swap_remove(place);
                    let Some(answer) = frame.get_mut("ok").map(Value::take) else {
                        let error = frame["error"].to_string();
                        assert!(is_failure(&error), "{name}: {:?} was refused: {error}", requests[index]);
                        world.note_failure(&error);
                        continue;
                    };
                    answers[index] = Some(answer);
                    world.acknowledge();
                }
            }
            Line::Http(client) => {
                for index in open {
                    let (op, args) = &requests[index];
                    answers[index] = match client.call_tool(op, args.clone()).await {
                        Ok(answer) => Some(answer),
                        Err(error) if error.is::<hyper::Error>() || error.is::<std::io::Error>() => {
                            return Err(Lost(error));
                        }
                        Err(error) => {
                            let error = error.to_string();
                            assert!(is_failure(&error), "{name}: {:?} was refused: {error}", requests[index]);
                            world.note_failure(&error);
                            continue;
                        }
                    };
                    world.acknowledge();
                }
            }
        }
        Ok(())
    }
}

/// Whether the relay says that it failed, which is a reason to repeat a request, and not the request's fault.
fn is_failure(error: &str) -> bool {
    error.contains("\"INTERNAL_ERROR\"") || error.contains("\"BOTS_UNAVAILABLE\"")
}
