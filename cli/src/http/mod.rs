//! HTTP/1.1 (RFC 9112): the file server of `handclasp serve`, the client of `handclasp get`. hyper does the protocol.

pub mod carrier;
pub mod client;
pub mod server;

#[cfg(test)]
mod tests;
