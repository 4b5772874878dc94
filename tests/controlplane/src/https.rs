//! A small HTTPS server, for what the API server asks others: metrics, logs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What it answers with.
pub type Answer = Response<Full<Bytes>>;

/// A listener on loopback with a certificate of its own for `localhost`.
pub struct Https {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    port: u16,
}

/// What somebody asks for.
#[derive(Debug)]
pub struct Question(Uri);

impl Https {
    /// Listens on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn bind() -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .map_err(|error| error.to_string())?;
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves, for ever. Connections are tasks of the `LocalSet` in which this runs.
    pub async fn serve<A>(self, answer: impl Fn(Question) -> A + Clone + 'static)
    where
        A: Future<Output = Answer> + 'static,
    {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (acceptor, answer) = (self.acceptor.clone(), answer.clone());
            spawn_local(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| {
                    let answer = answer(Question(hyper::Request::uri(&request).clone()));
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                // How a connection ends is the other side's business.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

impl Question {
    /// The path.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.0.query().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
    }
}

/// An answer with a body.
pub fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer with a document.
pub fn respond_json(status: StatusCode, document: &Value) -> Answer {
    respond(status, "application/json", document.to_string())
}

/// Undoes the percent-encoding of a query.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut hex = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(), hex()) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let uri = "/pods?limit=5&labelSelector=app%3Dcheckout%2Ctier+in+%28web%29";
        let question = Question(uri.parse().unwrap());
        assert_eq!(question.path(), "/pods");
        assert_eq!(question.parameter("labelSelector").unwrap(), "app=checkout,tier in (web)");
        assert_eq!(question.parameter("tailLines"), None);
    }
}
