//! A file server: GET and HEAD of the files below one directory.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HeaderValue, ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, HOST};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use nix::fcntl::OFlag;
use percent_encoding::percent_decode_str;

use super::carrier::{Carrier, CarrierError, Socket};

/// Most bytes of a file that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Most bytes of a head that are accepted, and of an answer that are put together before they are written.
const BUFFER_MAX_BYTES: usize = 2 * CHUNK_BYTES;

/// Most bytes of a request's body that are read: nobody wants them, but a client may only look at the answer then.
const REQUEST_BODY_MAX_BYTES: u64 = 1 << 20;

/// How long a peer may take to close after it has been told that it was idle.
const IDLE_PEER_CLOSES: Duration = Duration::from_secs(1);

/// Serves requests on one connection until either side closes it. It does not last longer than `idle_max` between two
/// requests, before a whole head has come, or while the peer takes nothing of an answer.
///
/// # Errors
/// When the connection fails, a request is no HTTP, or a file cannot be read to its announced end.
pub fn serve<S: Socket>(socket: S, root: &Path, idle_max: Duration) -> Result<()> {
    let carrier = Carrier::new(socket);
    let service = service_fn(|request: Request<Incoming>| {
        // Its head is whole.
        carrier.gets_on();
        answer(request, root)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        // A peer that has sent its FIN may still read (RFC 9112 9.6).
        .half_close(true)
        // The carrier has the only clock.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_MAX_BYTES)
        .serve_connection(carrier.io(), service);
    match carrier.run(connection, Some(idle_max)) {
        Ok(result) => {
            carrier.finish(idle_max);
            result.context("serving")
        }
        Err(CarrierError::Idle(_)) => {
            tracing::info!("an idle connection is closed");
            carrier.finish(IDLE_PEER_CLOSES.min(idle_max));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Answers one request.
async fn answer(request: Request<Incoming>, root: &Path) -> Result<Response<Contents>, Infallible> {
    let (head, body) = request.into_parts();
    let response = if let Some(why) = bad_host(&head) {
        tracing::info!(why, "bad request");
        closing(refusal(StatusCode::BAD_REQUEST))
    } else if !matches!(head.method, Method::GET | Method::HEAD) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED);
        // RFC 9110 15.5.6.
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        if body.is_end_stream() {
            response
        } else {
            closing(response)
        }
    } else if head.headers.contains_key(EXPECT) && !body.is_end_stream() {
        // Not asked for (RFC 9110 10.1.1), so whether it comes is unknown.
        closing(open(root, head.uri.path()))
    } else if !discard(body).await {
        closing(refusal(StatusCode::PAYLOAD_TOO_LARGE))
    } else {
        open(root, head.uri.path())
    };
    tracing::info!(
        method = %head.method,
        target = %head.uri,
        status = response.status().as_u16(),
        "request"
    );
    Ok(response)
}

/// What is wrong with the Host field (RFC 9112 3.2).
fn bad_host(head: &hyper::http::request::Parts) -> Option<&'static str> {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if head.version == Version::HTTP_11 => Some("HTTP/1.1 without Host"),
        (_, Some(_)) => Some("more than one Host"),
        (Some(host), None) if host.to_str().is_err() => Some("a Host that is no text"),
        _ => None,
    }
}

/// Reads a request's body to its end; false if it is too long, or does not come.
async fn discard(mut body: Incoming) -> bool {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return false;
        };
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
        if length > REQUEST_BODY_MAX_BYTES {
            return false;
        }
    }
    true
}

/// Finds the file below `root` that the path of a request's target names; never one outside of it.
fn open(root: &Path, path: &str) -> Response<Contents> {
    let not_found = || refusal(StatusCode::NOT_FOUND);
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return refusal(StatusCode::BAD_REQUEST);
    };
    let mut file = PathBuf::from(root);
    for component in Path::new(path.trim_start_matches('/')).components() {
        match component {
            Component::Normal(name) => file.push(name),
            Component::CurDir => {}
            _ => return not_found(),
        }
    }
    // A link may lead out of the directory: look at where it ends.
    let inside = match (file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) => file.starts_with(root),
        _ => false,
    };
    if !inside {
        return not_found();
    }
    // A FIFO or a device is opened at once, without a wait for its other end, and then seen to be no file.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(&file)
        .and_then(|opened| Ok((opened.metadata()?, opened)));
    match opened {
        Ok((metadata, opened)) if metadata.is_file() => {
            let contents = Contents::File(opened, metadata.len());
            typed(Response::new(contents), "application/octet-stream")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            refusal(StatusCode::FORBIDDEN)
        }
        _ => not_found(),
    }
}

/// An answer that only says its status.
fn refusal(status: StatusCode) -> Response<Contents> {
    let mut response = Response::new(Contents::Text(Bytes::from(format!("{status}\n"))));
    *response.status_mut() = status;
    typed(response, "text/plain")
}

fn typed(mut response: Response<Contents>, kind: &'static str) -> Response<Contents> {
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The last answer of its connection.
fn closing(mut response: Response<Contents>) -> Response<Contents> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// The body of an answer.
enum Contents {
    Text(Bytes),
    /// A file, and how many bytes of it are to be sent.
    File(File, u64),
}

impl Body for Contents {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let data = match self.get_mut() {
            Self::Text(text) => Ok(std::mem::take(text)),
            Self::File(file, left) => {
                let mut chunk = vec![0; (CHUNK_BYTES as u64).min(*left) as usize];
                let read = file.read_exact(&mut chunk);
                *left -= chunk.len() as u64;
                read.map(|()| chunk.into())
                    .map_err(|error| io::Error::new(error.kind(), "the file became shorter"))
            }
        };
        Poll::Ready(Some(data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Text(text) => text.len() as u64,
            Self::File(_, left) => *left,
        })
    }
}
