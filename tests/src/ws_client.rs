use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A client of the WebSocket protocol, `multiplayer.v1`.
#[derive(Debug)]
pub struct WsClient {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
    checkpoint: Option<String>,
}

/// Reason for which a call has no result.
#[derive(Debug)]
pub enum Failure {
    /// The relay refused the call; this is the `error` object.
    Refused(Value),
    /// The connection ended before the response arrived.
    Lost,
}

impl Failure {
    /// Returns the code of a refusal, or `"LOST"`.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(error) => error["code"].as_str().unwrap_or("?"),
            Self::Lost => "LOST",
        }
    }
}

impl WsClient {
    /// Connects to a relay at `address` with a token.
    pub async fn connect(address: &str, token: &str) -> Result<Self> {
        Self::connect_offering(address, token, Some("multiplayer.v1")).await
    }

    /// Connects, offering this subprotocol or none.
    pub async fn connect_offering(address: &str, token: &str, subprotocol: Option<&str>) -> Result<Self> {
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse()?);
        if let Some(subprotocol) = subprotocol {
            headers.insert("sec-websocket-protocol", subprotocol.parse()?);
        }
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self { socket, next_id: 1, checkpoint: None })
    }

    /// Performs an operation and returns its result. Panics when it is refused.
    pub async fn call(&mut self, op: &str, args: Value) -> Value {
        match self.try_call(op, args.clone()).await {
            Ok(result) => result,
            Err(failure) => panic!("{op} {args}: {failure:?}"),
        }
    }

    /// Performs an operation and returns the code of its refusal. Panics when it succeeds.
    pub async fn refusal(&mut self, op: &str, args: Value) -> String {
        match self.try_call(op, args.clone()).await {
            Ok(result) => panic!("{op} {args} was performed: {result}"),
            Err(failure) => failure.code().to_owned(),
        }
    }

    /// Performs an operation.
    pub async fn try_call(&mut self, op: &str, args: Value) -> Result<Value, Failure> {
        let id = self.send(op, args).await.map_err(|_| Failure::Lost)?;
        let mut result = self.answer(id).await?;
        // That of these is a part of the result itself.
        if !["get_proof", "read_log"].contains(&op)
            && let Some(Value::String(checkpoint)) =
                result.as_object_mut().and_then(|result| result.remove("checkpoint"))
        {
            self.checkpoint = Some(checkpoint);
        }
        Ok(result)
    }

    /// Returns the checkpoint that the last call brought with its result, and forgets it.
    pub fn take_checkpoint(&mut self) -> Option<String> {
        self.checkpoint.take()
    }

    /// Sends a request without waiting for the response, and returns its id.
    pub async fn send(&mut self, op: &str, args: Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        self.send_text(json!({ "id": id, "op": op, "args": args }).to_string()).await?;
        Ok(id)
    }

    /// Waits for the response to a request.
    pub async fn answer(&mut self, id: u64) -> Result<Value, Failure> {
        loop {
            let Ok(mut frame) = self.frame().await else { return Err(Failure::Lost) };
            if frame["id"] == id {
                return match frame.get_mut("ok") {
                    Some(result) => Ok(result.take()),
                    None => Err(Failure::Refused(frame["error"].take())),
                };
            }
        }
    }

    /// Sends a text message unchanged.
    pub async fn send_text(&mut self, text: String) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Sends a binary message, which the protocol does not allow.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// Waits until the relay closes the connection. Returns the close code, if there is one.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Waits for the next frame.
    pub async fn frame(&mut self) -> Result<Value> {
        loop {
            match self.socket.next().await.context("the connection ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }
}
