//! A file server: GET and HEAD of the files below one directory.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;

use super::{field, Buffered, CHUNK_BYTES, FIELDS_MAX};

/// What a request comes to.
enum Answer {
    File(File, u64),
    Refusal(u16, &'static str),
}

/// Serves requests on one connection until the peer closes it or asks for that.
///
/// # Errors
/// When the connection fails, or a file cannot be read to its announced end.
pub fn serve<S: Read + Write>(stream: S, root: &Path) -> Result<()> {
    let mut buffered = Buffered::new(stream);
    while let Some(head) = buffered.head()? {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let understood = matches!(request.parse(&head), Ok(httparse::Status::Complete(_)));
        let (method, target) = (
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default(),
        );
        let answer = match method {
            _ if !understood => Answer::Refusal(400, "Bad Request"),
            "GET" | "HEAD" => open(root, target),
            _ => Answer::Refusal(405, "Method Not Allowed"),
        };
        // A body that we do not read would be taken for the next request: then the connection ends here.
        let has_body = field(request.headers, "content-length").is_some_and(|len| len != "0")
            || field(request.headers, "transfer-encoding").is_some();
        let connection = field(request.headers, "connection").unwrap_or_default();
        let keep = understood
            && !has_body
            && if request.version == Some(1) {
                !connection.eq_ignore_ascii_case("close")
            } else {
                connection.eq_ignore_ascii_case("keep-alive")
            };
        tracing::info!(method, target, status = answer.status(), "request");
        reply(&mut buffered.stream, answer, method == "HEAD", keep)?;
        if !keep {
            break;
        }
    }
    Ok(())
}

impl Answer {
    fn status(&self) -> u16 {
        match self {
            Self::File(..) => 200,
            Self::Refusal(status, _) => *status,
        }
    }
}

/// Finds the file below `root` that the request target names; never one outside of it.
fn open(root: &Path, target: &str) -> Answer {
    const NOT_FOUND: Answer = Answer::Refusal(404, "Not Found");
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let Ok(path) = percent_decode_str(path).decode_utf8() else {
        return Answer::Refusal(400, "Bad Request");
    };
    let mut file = PathBuf::from(root);
    for component in Path::new(path.trim_start_matches('/')).components() {
        match component {
            Component::Normal(name) => file.push(name),
            Component::CurDir => {}
            _ => return NOT_FOUND,
        }
    }
    // A link may lead out of the directory: look at where it ends.
    let inside = match (file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) => file.starts_with(root),
        _ => false,
    };
    if !inside {
        return NOT_FOUND;
    }
    match File::open(&file).and_then(|opened| Ok((opened.metadata()?, opened))) {
        Ok((metadata, opened)) if metadata.is_file() => Answer::File(opened, metadata.len()),
        _ => NOT_FOUND,
    }
}

fn reply(stream: &mut impl Write, answer: Answer, head_only: bool, keep: bool) -> Result<()> {
    let connection = if keep { "keep-alive" } else { "close" };
    // The head goes in one piece: written bit by bit, each bit would be a segment.
    let head = |status: &str, kind: &str, size: u64| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: {connection}\r\n\r\n"
        )
    };
    match answer {
        Answer::Refusal(status, reason) => {
            let status = format!("{status} {reason}");
            let body = format!("{status}\n");
            let mut message = head(&status, "text/plain", body.len() as u64);
            if !head_only {
                message.push_str(&body);
            }
            stream
                .write_all(message.as_bytes())
                .context("sending the response")?;
        }
        Answer::File(mut file, size) => {
            stream
                .write_all(head("200 OK", "application/octet-stream", size).as_bytes())
                .context("sending the response's head")?;
            let mut chunk = vec![0; CHUNK_BYTES];
            let mut left = if head_only { 0 } else { size };
            while left > 0 {
                let want = chunk
                    .len()
                    .min(usize::try_from(left).unwrap_or(chunk.len()));
                file.read_exact(&mut chunk[..want])
                    .context("the file became shorter while it was sent")?;
                stream
                    .write_all(&chunk[..want])
                    .with_context(|| format!("sending the file, {left} bytes before its end"))?;
                left -= want as u64;
            }
        }
    }
    stream.flush().context("sending the response")
}
