//! A small HTTP client for GETs to one address, over one connection that is kept and made anew when it breaks.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The largest body that is read; everything asked for here is far smaller.
const BODY_LIMIT: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GetError {
    /// None in time.
    TimedOut,
    /// The connection was refused or ended: in words.
    Broken(String),
}

/// GETs to one address.
#[derive(Debug)]
pub(super) struct Getter {
    addr: SocketAddr,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Getter {
    /// Connects when it is first used.
    pub(super) fn new(addr: SocketAddr) -> Self {
        Self { addr, connection: None }
    }

    /// Status and body. After an error the next call makes a new connection.
    pub(super) async fn get(&mut self, path: &str, within: Duration) -> Result<(u16, Bytes), GetError> {
        let answer = tokio::time::timeout(within, self.try_get(path)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => {
                self.connection = None;
                Err(GetError::Broken(why))
            }
            Err(_) => {
                self.connection = None;
                Err(GetError::TimedOut)
            }
        }
    }

    async fn try_get(&mut self, path: &str) -> Result<(u16, Bytes), String> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            self.connection = Some(connect(self.addr).await?);
        }
        let connection = self.connection.as_mut().ok_or("there is no connection")?;
        let request = Request::get(path)
            .header(HOST, self.addr.to_string())
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        connection.ready().await.map_err(|error| error.to_string())?;
        let response = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    }
}

async fn connect(addr: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(addr).await.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        // How it ends is seen by the next request.
        let _ = connection.await;
    });
    Ok(sender)
}
