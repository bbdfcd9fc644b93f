//! Tests of `handclasp_host::tcp`: by state, what RFC 9293 says that a connection does with a segment; by subject,
//! what the other RFCs add; and two connections over a bad network.
//!
//! Segments are written as the RFC writes them; what is expected comes from its text, which each test cites.

mod network;
mod notation;
mod rig;

mod close;
mod congestion;
mod established;
mod isn;
mod listen_closed;
mod prediction;
mod properties;
mod retransmission;
mod sack;
mod syn_received;
mod syn_sent;
mod time_wait;
mod timestamps;
mod transfer;
mod window;
