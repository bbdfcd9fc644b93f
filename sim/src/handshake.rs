//! What every valid/ready channel obeys, whichever way it points: the rules that are checked, and random waiting.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A rule of AXI, or of our MAC interface, that the gateware broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// AXI A3.2.1: once asserted, VALID stays until READY.
    #[error("{channel}: valid fell before the transfer was accepted")]
    ValidFell {
        /// Name of the channel, as in the port names.
        channel: &'static str,
    },
    /// AXI A3.2.1: what is offered stays as it is until it is accepted.
    #[error("{channel}: what was offered changed before it was accepted")]
    PayloadChanged {
        /// Name of the channel.
        channel: &'static str,
    },
    /// Our channels hold their valid low during reset (AXI A3.1.2).
    #[error("{channel}: valid is high in reset")]
    ValidInReset {
        /// Name of the channel.
        channel: &'static str,
    },
    /// AXI A3.4.1: no burst crosses a 4 KiB boundary.
    #[error("{channel}: a burst of {len_bytes} bytes at {address:#x} crosses a 4 KiB boundary")]
    Crosses4Kib {
        /// Name of the channel.
        channel: &'static str,
        /// First address.
        address: u64,
        /// Length.
        len_bytes: u64,
    },
    /// The NIC's bursts are INCR, of whole beats.
    #[error("{channel}: burst type {burst}, beat size {size}: only INCR (1) of whole beats ({whole_size})")]
    BurstKind {
        /// Name of the channel.
        channel: &'static str,
        /// AxBURST.
        burst: u8,
        /// AxSIZE.
        size: u8,
        /// AxSIZE of a whole beat.
        whole_size: u8,
    },
    /// AXI A3.4.1: WLAST is on the last beat of a burst and on no other.
    #[error("m_axi_w: wlast is {wlast} on beat {beat} of {beats}")]
    Wlast {
        /// The signal.
        wlast: bool,
        /// Which beat, from 1.
        beat: u32,
        /// Beats that AWLEN announced.
        beats: u32,
    },
    /// AXI A10.3.4: bytes below an unaligned start address are not written.
    #[error("m_axi_w: strobes {strobes:#x} write below the burst's first address {address:#x}")]
    StrobeBelowStart {
        /// The strobes.
        strobes: u64,
        /// First address.
        address: u64,
    },
    /// IEEE 802.3: a MAC cannot wait for the middle of a frame.
    #[error("m_axis_tx: a gap after {len_bytes} bytes of a frame")]
    TxGap {
        /// Bytes before the gap.
        len_bytes: usize,
    },
    /// All lanes of a frame's beats are used, but for the upper ones of the last beat.
    #[error("m_axis_tx: tkeep {tkeep:#x} with tlast {tlast}")]
    TxKeep {
        /// The signal.
        tkeep: u64,
        /// The signal.
        tlast: bool,
    },
    /// A MAC cannot hold back what arrives.
    #[error("s_axis_rx: tready fell during a frame")]
    RxStalled,
    /// A register access took too long.
    #[error("s_axil: no answer to an access of register {offset:#x} in {cycles} cycles")]
    NoAnswer {
        /// The register.
        offset: u32,
        /// How long it waited.
        cycles: u64,
    },
    /// A register access was answered with an error.
    #[error("s_axil: response {response} to an access of register {offset:#x}")]
    RegisterError {
        /// The register.
        offset: u32,
        /// BRESP or RRESP.
        response: u8,
    },
}

/// Checks that an offer stands until it is accepted.
#[derive(Debug)]
pub(crate) struct Stable<T> {
    channel: &'static str,
    offered: Option<T>,
}

impl<T: PartialEq> Stable<T> {
    pub(crate) fn new(channel: &'static str) -> Self {
        Self {
            channel,
            offered: None,
        }
    }

    /// One cycle: what was on the channel (`None` without valid), and whether it was accepted.
    pub(crate) fn observe(&mut self, offer: Option<T>, ready: bool) -> Result<(), Violation> {
        let channel = self.channel;
        if let Some(before) = &self.offered {
            match &offer {
                None => return Err(Violation::ValidFell { channel }),
                Some(now) if now != before => return Err(Violation::PayloadChanged { channel }),
                Some(_) => {}
            }
        }
        self.offered = if ready { None } else { offer };
        Ok(())
    }
}

/// How much a model lets the gateware wait, at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StallConfig {
    /// How many of 100 transfers have to wait.
    pub percent: u8,
    /// The longest wait, in cycles.
    pub max_cycles: u8,
}

/// Random waiting of one channel. It is drawn a transfer, not a cycle, so that an idle channel draws nothing and idle
/// cycles can be skipped without a difference.
#[derive(Debug)]
pub(crate) struct Stall {
    config: StallConfig,
    random: ChaCha8Rng,
    left_cycles: u8,
}

impl Stall {
    /// `stream` tells the channels of one seed apart.
    pub(crate) fn new(config: StallConfig, seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self {
            config,
            random,
            left_cycles: 0,
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.left_cycles == 0
    }

    /// One cycle: whether the other side waited for a transfer, and whether it took place.
    pub(crate) fn observe(&mut self, wanted: bool, done: bool) {
        if done {
            if self.config.percent > 0 && self.random.random_range(0..100) < self.config.percent {
                self.left_cycles = self.random.random_range(0..=self.config.max_cycles);
            }
        } else if wanted {
            self.left_cycles = self.left_cycles.saturating_sub(1);
        }
    }
}
