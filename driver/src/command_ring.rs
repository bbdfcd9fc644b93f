//! Commands on their way to the NIC.
//!
//! ```text
//!   completed            rung              written         completed + entries
//!       |  the NIC's      |  the driver's    |   free          |
//!   ----+-----------------+------------------+-----------------+---->  free-running 32-bit indices
//! ```
//!
//! # Ownership
//! - `completed..rung` is the NIC's. The driver neither reads nor writes these entries, nor the payloads they point to.
//! - `rung..completed + entries` is the driver's. It writes an entry, and passes it on by ringing the doorbell.
//! - An entry, and the payload it points to, comes back with a completion of this command or of a later one: commands
//!   complete in order. So that the ring never starves, the driver asks for a completion at least every quarter ring.
//!
//! # Memory barriers
//! - To the NIC: the entry (and the payload) is written, then the doorbell. [`Bus::write32`] orders the two (release).
//! - From the NIC: the completion is read with acquire ordering ([`crate::event_ring`]) before an entry is written anew.

use handclasp_layout::queue::{FlowCommand, ListenCommand, Opcode, SegmentCommand, ENTRY_BYTES};
use handclasp_layout::register::COMMAND_PRODUCER;

use crate::bus::Bus;
use crate::dma::DmaRegion;
use crate::error::{DriverError, Lie};

/// What the NIC is asked to do. The opcode of the layout's structs is filled in by the driver.
///
/// With `want_completion` the NIC answers with a [`crate::Completion`]; the driver adds the wish now and then (see
/// [`crate::command_ring`]), so completions also come unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Builds and sends one TCP segment on a connection. The payload must stay as it is until the command is done.
    Segment(SegmentCommand),
    /// Sends a whole Ethernet frame from memory, padded to the shortest frame.
    Raw {
        /// I/O address of the frame, which must stay as it is until the command is done.
        frame_addr: u64,
        /// Length without FCS: 14 to 1518 bytes.
        frame_len_bytes: u32,
        /// Ask for a completion when the frame has left.
        want_completion: bool,
    },
    /// Records a connection's addresses, and with `lookup` enters its 4-tuple into the flow table.
    FlowInsert(FlowCommand),
    /// Takes the 4-tuple out of the flow table.
    FlowRemove(FlowCommand),
    /// Opens a local port for connections.
    ListenAdd {
        /// The port.
        port: u16,
        /// Ask for a completion.
        want_completion: bool,
    },
    /// Closes a local port.
    ListenRemove {
        /// The port.
        port: u16,
        /// Ask for a completion.
        want_completion: bool,
    },
}

impl Command {
    /// The entry as it stands in the ring.
    fn encode(&self, ask: bool) -> [u8; ENTRY_BYTES] {
        let listen = |port, opcode: Opcode| {
            ListenCommand {
                opcode: opcode as u8,
                want_completion: ask,
                port,
                ..ListenCommand::default()
            }
            .encode()
        };
        match self {
            Command::Segment(command) => encode_segment(command, ask),
            Command::Raw {
                frame_addr,
                frame_len_bytes,
                ..
            } => SegmentCommand {
                opcode: Opcode::Raw as u8,
                want_completion: ask,
                payload_addr: *frame_addr,
                payload_len_bytes: *frame_len_bytes,
                ..SegmentCommand::default()
            }
            .encode(),
            Command::FlowInsert(command) => encode_flow(command, Opcode::FlowInsert, ask),
            Command::FlowRemove(command) => encode_flow(command, Opcode::FlowRemove, ask),
            Command::ListenAdd { port, .. } => listen(*port, Opcode::ListenAdd),
            Command::ListenRemove { port, .. } => listen(*port, Opcode::ListenRemove),
        }
    }

    fn wants_completion(&self) -> bool {
        match self {
            Command::Segment(command) => command.want_completion,
            Command::FlowInsert(command) | Command::FlowRemove(command) => command.want_completion,
            Command::Raw {
                want_completion, ..
            }
            | Command::ListenAdd {
                want_completion, ..
            }
            | Command::ListenRemove {
                want_completion, ..
            } => *want_completion,
        }
    }
}

/// The entry of a [`Command::Segment`].
#[inline]
fn encode_segment(command: &SegmentCommand, ask: bool) -> [u8; ENTRY_BYTES] {
    SegmentCommand {
        opcode: Opcode::Segment as u8,
        want_completion: ask,
        ..*command
    }
    .encode()
}

/// The entry of a [`Command::FlowInsert`] or [`Command::FlowRemove`].
#[inline]
fn encode_flow(command: &FlowCommand, opcode: Opcode, ask: bool) -> [u8; ENTRY_BYTES] {
    FlowCommand {
        opcode: opcode as u8,
        want_completion: ask,
        ..*command
    }
    .encode()
}

/// The ring of commands; see the module for who owns what.
#[derive(Debug)]
pub(crate) struct CommandRing {
    region: DmaRegion,
    /// Number of entries less one. The entry with a free-running index lies at place `index & mask`.
    mask: u32,
    /// First index that is not free yet: `completed + entries`, where `completed` is the first command whose completion is
    /// still to come.
    limit: u32,
    /// First command that the doorbell has not passed on.
    rung: u32,
    /// Index of the next command.
    written: u32,
    /// Index of the next command for which a completion is asked even if the caller wants none: without completions no entry
    /// would come back.
    asks: u32,
}

impl CommandRing {
    pub(crate) fn new(bus: &dyn Bus, log2: u32) -> Result<Self, DriverError> {
        let entries = 1 << log2;
        Ok(Self {
            region: bus.allocate(entries as usize * ENTRY_BYTES)?,
            mask: entries - 1,
            limit: entries,
            rung: 0,
            written: 0,
            asks: entries / 4 - 1,
        })
    }

    pub(crate) fn iova(&self) -> u64 {
        self.region.iova()
    }

    fn entries(&self) -> u32 {
        self.mask.wrapping_add(1)
    }

    /// Free-running index of the next command.
    #[inline]
    pub(crate) fn next_index(&self) -> u32 {
        self.written
    }

    /// Commands that can be pushed before [`DriverError::RingFull`].
    #[inline]
    pub(crate) fn room(&self) -> u32 {
        self.limit.wrapping_sub(self.written)
    }

    /// Writes the command into the next entry and returns its index; the NIC does not see it before [`Self::ring`].
    pub(crate) fn push(&mut self, command: &Command) -> Result<u32, DriverError> {
        self.write(command.wants_completion(), |ask| command.encode(ask))
    }

    /// As [`CommandRing::push`] of a [`Command::Segment`].
    #[inline]
    pub(crate) fn push_segment(&mut self, command: &SegmentCommand) -> Result<u32, DriverError> {
        self.write(command.want_completion, |ask| encode_segment(command, ask))
    }

    /// As [`CommandRing::push`] of a [`Command::FlowInsert`].
    #[inline]
    pub(crate) fn push_flow_insert(&mut self, command: &FlowCommand) -> Result<u32, DriverError> {
        self.write(command.want_completion, |ask| {
            encode_flow(command, Opcode::FlowInsert, ask)
        })
    }

    /// `encode` is told whether to ask for a completion.
    #[inline(always)]
    fn write(
        &mut self,
        wants_completion: bool,
        encode: impl FnOnce(bool) -> [u8; ENTRY_BYTES],
    ) -> Result<u32, DriverError> {
        if self.room() == 0 {
            return Err(DriverError::RingFull {
                entries: self.entries(),
            });
        }
        let index = self.written;
        let ask = wants_completion || index == self.asks;
        let place = index & self.mask;
        self.region.write_entry(place as usize, &encode(ask))?;
        self.written = index.wrapping_add(1);
        if ask {
            self.asks = index.wrapping_add(self.entries() / 4);
        }
        Ok(index)
    }

    /// Passes all written commands on to the NIC.
    #[inline]
    pub(crate) fn ring(&mut self, bus: &dyn Bus) -> Result<(), DriverError> {
        if self.rung != self.written {
            bus.write32(COMMAND_PRODUCER.offset, self.written)?;
            self.rung = self.written;
        }
        Ok(())
    }

    /// Takes back every entry up to the completed command.
    pub(crate) fn complete(&mut self, index: u32) -> Result<(), Lie> {
        let completed = self.limit.wrapping_sub(self.entries());
        let under_way = self.rung.wrapping_sub(completed);
        if index.wrapping_sub(completed) >= under_way {
            return Err(Lie::CommandIndex {
                found: index,
                oldest: completed,
                producer: self.rung,
            });
        }
        self.limit = index.wrapping_add(1).wrapping_add(self.entries());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No ring gets here in a test's lifetime: the indices wrap after 2^32 commands.
    #[test]
    fn indices_wrap() -> Result<(), Box<dyn std::error::Error>> {
        let start = u32::MAX - 1;
        let mut ring = CommandRing {
            region: DmaRegion::heap(8 * ENTRY_BYTES).ok_or("no memory")?,
            mask: 7,
            limit: start.wrapping_add(8),
            rung: start,
            written: start,
            asks: start.wrapping_add(1),
        };
        let command = Command::ListenAdd {
            port: 80,
            want_completion: false,
        };
        for n in 0..8 {
            assert_eq!(ring.push(&command)?, start.wrapping_add(n));
        }
        assert!(matches!(
            ring.push(&command),
            Err(DriverError::RingFull { entries: 8 })
        ));
        ring.rung = ring.written;
        ring.complete(1)?;
        assert_eq!(ring.room(), 4);
        assert!(ring.complete(u32::MAX).is_err());
        Ok(())
    }
}
