//! One request, one answer: HTTP/1.1 over connections that are kept and used again.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::LoadError;
use super::ledger::Outcome;
use crate::history::{ErrorKind, Unsent};

/// Sends one and the same request again and again.
pub(super) struct Client {
    target: SocketAddr,
    request: Request<Empty<Bytes>>,
    /// The one used last is used first, so that a calm phase leaves most of them alone.
    idle: Mutex<Vec<Link>>,
    idle_max: usize,
}

/// A connection, and the task that moves its bytes. Dropping it closes the socket.
struct Link {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Client {
    /// # Errors
    /// The path is not one of HTTP.
    pub(super) fn new(target: SocketAddr, path: &str, idle_max: u32) -> Result<Self, LoadError> {
        let bad = |why: String| LoadError::Path { path: path.to_owned(), why };
        if !path.starts_with('/') {
            return Err(bad("it does not begin with \"/\"".into()));
        }
        let uri: Uri = path.parse().map_err(|error: hyper::http::uri::InvalidUri| bad(error.to_string()))?;
        let request = Request::get(uri)
            .header(HOST, target.to_string())
            .header(USER_AGENT, concat!("springback/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self { target, request, idle: Mutex::default(), idle_max: idle_max as usize })
    }

    /// Sends the request and reads the whole answer; `answering` is called when its head is there.
    pub(super) async fn exchange(&self, answering: impl FnOnce()) -> Outcome {
        let done = self.try_exchange(answering).await;
        done.map_or_else(|failure| failure, Outcome::Answered)
    }

    async fn try_exchange(&self, answering: impl FnOnce()) -> Result<u16, Outcome> {
        let mut request = self.request.clone();
        // A kept connection may turn out to be dead. Only if nothing was sent on it, another try is the same request.
        if let Some(mut link) = self.take_idle().await {
            match link.sender.try_send_request(request).await {
                Ok(response) => return self.read(link, response, answering).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(Outcome::Failed(kind_of(error.error()))),
                },
            }
        }
        let mut link = self.connect().await?;
        let response = link.sender.send_request(request).await;
        let response = response.map_err(|error| Outcome::Failed(kind_of(&error)))?;
        self.read(link, response, answering).await
    }

    async fn read(
        &self,
        link: Link,
        response: Response<Incoming>,
        answering: impl FnOnce(),
    ) -> Result<u16, Outcome> {
        answering();
        let status = response.status().as_u16();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| Outcome::Failed(kind_of(&error)))?;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.idle_max && !link.sender.is_closed() {
            idle.push(link);
        }
        Ok(status)
    }

    /// A kept connection that is alive as far as is known.
    async fn take_idle(&self) -> Option<Link> {
        loop {
            let link = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut link = link?;
            if link.sender.ready().await.is_ok() {
                return Some(link);
            }
        }
    }

    async fn connect(&self) -> Result<Link, Outcome> {
        let stream = TcpStream::connect(self.target).await.map_err(|error| no_connection(&error))?;
        // It fails only on a socket that is broken already; the sending will say so, and how.
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| Outcome::Failed(kind_of(&error)))?;
        let driver = tokio::spawn(async move {
            // Its error also reaches the request that is under way; without one there is nobody to tell.
            let _ = connection.await;
        });
        Ok(Link { sender, driver })
    }
}

/// Why there is no connection: the target's doing, or a lack of sockets here.
fn no_connection(error: &io::Error) -> Outcome {
    use rustix::io::Errno;
    let ours = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::ADDRINUSE, Errno::NOBUFS];
    if Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno)) {
        return Outcome::Unsent(Unsent::Starved);
    }
    Outcome::Failed(kind_of_io(error))
}

fn kind_of(error: &hyper::Error) -> ErrorKind {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return kind_of_io(error);
        }
        source = cause.source();
    }
    // What ended early, before or within the answer. `is_closed` and `is_canceled`: just before it was sent.
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return ErrorKind::Reset;
    }
    ErrorKind::Other
}

fn kind_of_io(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => ErrorKind::Reset,
        io::ErrorKind::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_path_that_is_not_one_of_http_is_refused() {
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        for path in ["", "checkout", "http://127.0.0.1/", "/a b", "/\n"] {
            assert!(matches!(Client::new(target, path, 1), Err(LoadError::Path { .. })), "{path} was taken");
        }
        assert!(Client::new(target, "/checkout?item=1", 1).is_ok());
    }

    #[tokio::test]
    async fn a_kept_connection_that_died_is_replaced_unnoticed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = Client::new(listener.local_addr().unwrap(), "/", 4).unwrap();
        let one_answer_each = async {
            for _ in 0..3 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let read = stream.read(&mut [0; 1_024]).await.unwrap();
                assert!(read > 0);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        };
        let ask = async {
            for _ in 0..3 {
                assert_eq!(client.exchange(|| ()).await, Outcome::Answered(200));
                let closed = || client.idle.lock().unwrap().iter().all(|link| link.sender.is_closed());
                while !closed() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        };
        let both = async { tokio::join!(one_answer_each, ask) };
        tokio::time::timeout(Duration::from_secs(10), both).await.expect("three answers");
    }
}
