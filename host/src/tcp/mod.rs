//! TCP (RFC 9293) without I/O and without a clock: segments and the time go in, segments and deadlines come out.
//!
//! One file a role, in the order in which a segment meets them:
//!
//! - [`segment`], [`seq`]: what is on the wire, decoded; arithmetic on sequence numbers;
//! - [`isn`]: initial sequence numbers; [`reset`]: the answer to a segment of no connection;
//! - [`connection`]: the transmission control block ([`Connection`]); [`calls`]: what the user may ask of it;
//! - `arrival`, `syn_sent`: what an arriving segment does, step by step as in RFC 9293 3.10.7;
//! - `acceptance`: whether it is the connection's at all;
//! - `acknowledgment`: what its ACK field does; `text`: what its data does;
//! - `receive_buffer`, `ranges`: the ring the data goes to, holes included; `delayed_ack`: when it is acknowledged;
//! - [`prediction`]: the short way of the segments that nearly all traffic is made of, to be read after the long one;
//! - `output`: the next segment to send; `send_buffer`: the ring that the NIC reads its payload from;
//! - `timer`: deadlines; `rtt`: the retransmission time-out; `recovery`: what is lost; `congestion`: how much may be
//!   sent; `timestamps`: RFC 7323; `unreachable`: ICMP errors;
//!   `time_wait`: the end.
//!
//! The states LISTEN and CLOSED (before an open) are the stack's: it makes a [`Connection`] from a SYN or a connect,
//! and drops it in [`State::Closed`].

mod acceptance;
mod acknowledgment;
mod arrival;
pub mod calls;
mod command;
pub mod config;
mod congestion;
pub mod connection;
mod delayed_ack;
mod due;
pub mod error;
pub mod isn;
mod output;
pub mod prediction;
mod ranges;
mod receive_buffer;
mod recovery;
pub mod reset;
mod rtt;
pub mod segment;
mod send_buffer;
pub mod seq;
pub mod state;
mod syn_sent;
mod text;
mod throttle;
mod time_wait;
mod timer;
mod timestamps;
mod unreachable;

pub use calls::Variables;
pub use config::Config;
pub use connection::{Buffers, Connection};
pub use error::{ConnectionError, SendError};
pub use isn::{Beginning, IsnGenerator};
pub use prediction::{Plain, PlainText};
pub use reset::answer_unmatched;
pub use segment::{Options, Outgoing, PayloadSource, SackBlock, SackBlocks, Segment, SendSlice};
pub use seq::SeqNumber;
pub use state::State;
pub use time_wait::{Reaction, TimeWait};
