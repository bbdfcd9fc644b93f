//! Bytes both ways at once, over any kind of stream.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use handclasp_host::TcpStream;

use crate::pattern::pattern;

/// Sends bytes and then `shutdown`s, and receives meanwhile until the other side has done the same: what it sent.
///
/// # Panics
/// When the stream fails.
pub fn exchange<S: Send + Sync>(stream: &S, to_send: &[u8], shutdown: fn(&S)) -> Vec<u8>
where
    for<'a> &'a S: Read + Write,
{
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut writer = stream;
            writer.write_all(to_send).unwrap();
            shutdown(stream);
        });
        let mut received = Vec::new();
        let mut reader = stream;
        reader.read_to_end(&mut received).unwrap();
        received
    })
}

/// [`exchange`] on our stream.
///
/// # Panics
/// When the stream fails.
pub fn exchange_ours(stream: &TcpStream, to_send: &[u8]) -> Vec<u8> {
    exchange(stream, to_send, |stream| {
        stream.shutdown(Shutdown::Write).unwrap();
    })
}

/// Sends bytes both ways at once over the two ends of a connection, and closes both.
///
/// # Panics
/// When an end does not get what the other one sent.
pub fn intact_both_ways(near: TcpStream, far: TcpStream, len_bytes: usize) {
    let (up, down) = (pattern(len_bytes, 1), pattern(len_bytes, 2));
    thread::scope(|scope| {
        let at_far = scope.spawn(|| exchange_ours(&far, &down));
        assert!(exchange_ours(&near, &up) == down, "what the far side sent");
        assert!(at_far.join().unwrap() == up, "what the near side sent");
    });
}
