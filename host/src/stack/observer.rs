//! Watching a stack at work: what a ladder diagram is drawn from.

use super::Tuple;
use crate::tcp::{Segment, State};

/// Something that a stack did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A segment arrived.
    Arrived {
        /// The stack's time, in ns.
        at_ns: u64,
        /// The NIC's `now` input when the frame's first beat arrived.
        device_time: u64,
        /// Whose it is.
        tuple: Tuple,
        /// What it says.
        segment: Segment,
        /// The connection's state before; `None` when there was none.
        before: Option<State>,
        /// The connection's state after.
        after: Option<State>,
    },
    /// A segment was given to the NIC.
    Sent {
        /// The stack's time, in ns.
        at_ns: u64,
        /// Index of the command; [`Observation::Left`] will name it.
        command_index: u32,
        /// Whose it is.
        tuple: Tuple,
        /// What it says.
        segment: Segment,
        /// The connection's state before; `None` when the answer belongs to no connection.
        before: Option<State>,
        /// The connection's state after.
        after: Option<State>,
    },
    /// The last beat of a frame left the NIC.
    Left {
        /// The stack's time, in ns.
        at_ns: u64,
        /// The NIC's `now` input when it did.
        device_time: u64,
        /// The command's index.
        command_index: u32,
    },
    /// A connection changed its state without a segment: a call or a timer did it.
    Changed {
        /// The stack's time, in ns.
        at_ns: u64,
        /// Which connection.
        tuple: Tuple,
        /// The state before; `None`: there was no connection.
        before: Option<State>,
        /// The state after.
        after: Option<State>,
    },
}

/// Is told what a stack does, from within it: it must be quick, and cannot call the stack.
pub type Observer = Box<dyn FnMut(&Observation) + Send>;
