//! The MAC's side of the two AXI4-Streams: frames to beats and beats to frames, at line rate.
//!
//! Between two frames lies what the line needs for preamble, FCS and inter-packet gap (IEEE 802.3 clause 4.4.2).

use crate::dut::{Inputs, Outputs, Width};
use crate::handshake::{Stable, Stall, StallConfig, Violation};
use crate::observation::{Moment, Observation, Span};

/// Preamble with start delimiter 8, FCS 4, inter-packet gap 12 bytes.
const OVERHEAD_BYTES: u64 = 24;
/// Longest frame whose buffer is set aside at the start.
const BUFFER_BYTES: usize = 2048;

/// One direction of the line. A frame takes no whole number of cycles on it: a minimum one 10.5 of 10 Gbit/s, 1.68 of
/// 100 Gbit/s. What is left of a cycle is the next frame's, so that frames in close order come at line rate on average.
#[derive(Debug)]
struct Line {
    bits_per_cycle: u64,
    /// No frame begins before this cycle.
    free_cycle: u64,
    /// How long before `free_cycle` the line was free, in bit times; less than a cycle.
    spare_bits: u64,
}

impl Line {
    fn new(width: Width) -> Self {
        Self {
            bits_per_cycle: width.line_bits_per_cycle(),
            free_cycle: 0,
            spare_bits: 0,
        }
    }

    /// A frame has been handed over from cycle `first` to cycle `last`.
    fn carry(&mut self, first: u64, last: u64, len_bytes: usize) {
        // A frame that begins in the first cycle possible may have been there as soon as the line was free.
        let spare_bits = if first == self.free_cycle {
            self.spare_bits
        } else {
            0
        };
        let frame_bits = (len_bytes as u64 + OVERHEAD_BYTES) * 8;
        let bits = frame_bits.saturating_sub(spare_bits);
        let cycles = bits.div_ceil(self.bits_per_cycle);
        self.free_cycle = first + cycles;
        self.spare_bits = cycles * self.bits_per_cycle - bits;
        if self.free_cycle <= last {
            // It took longer to hand over than to send.
            self.free_cycle = last + 1;
            self.spare_bits = 0;
        }
    }
}

/// Drives `s_axis_rx_*`: what arrives from the wire.
#[derive(Debug)]
pub struct MacRx {
    width: Width,
    frame: Vec<u8>,
    bad: bool,
    sent_bytes: usize,
    first: Moment,
    line: Line,
    stall: Stall,
}

impl MacRx {
    /// A MAC that puts idle cycles between beats as `stall` says.
    pub fn new(width: Width, stall: StallConfig, seed: u64) -> Self {
        Self {
            width,
            frame: Vec::with_capacity(BUFFER_BYTES),
            bad: false,
            sent_bytes: 0,
            first: Moment::default(),
            line: Line::new(width),
            stall: Stall::new(stall, seed, 9),
        }
    }

    /// Whether a frame is under way.
    pub fn is_busy(&self) -> bool {
        self.sent_bytes < self.frame.len()
    }

    /// The first cycle in which the line is free for another frame.
    pub fn free_cycle(&self) -> u64 {
        self.line.free_cycle
    }

    /// Takes a frame that `fill` puts into the buffer; its first beat is on the bus in this very cycle. Only when not
    /// busy, and the line is free. Returns what `fill` returns: whether there was a frame.
    pub fn load(&mut self, bad: bool, fill: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let loaded = fill(&mut self.frame);
        if !loaded {
            self.frame.clear();
        }
        self.bad = bad;
        self.sent_bytes = 0;
        loaded
    }

    fn beat(&self) -> &[u8] {
        let end = self.frame.len().min(self.sent_bytes + self.width.bytes());
        &self.frame[self.sent_bytes..end]
    }

    /// Sets the inputs of this cycle.
    pub fn drive(&self, inputs: &mut Inputs) {
        inputs.s_axis_rx_tvalid = self.is_busy() && self.stall.is_ready();
        if !inputs.s_axis_rx_tvalid {
            return;
        }
        let beat = self.beat();
        let mut bytes = [0; 64];
        bytes[..beat.len()].copy_from_slice(beat);
        for (word, chunk) in inputs.s_axis_rx_tdata.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        }
        inputs.s_axis_rx_tkeep = u64::MAX >> (64 - beat.len());
        inputs.s_axis_rx_tlast = self.sent_bytes + beat.len() == self.frame.len();
        inputs.s_axis_rx_tuser = self.bad && inputs.s_axis_rx_tlast;
    }

    /// Takes what the cycle brought.
    ///
    /// # Errors
    /// [`Violation::RxStalled`].
    pub fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
    ) -> Result<(), Violation> {
        let valid = inputs.s_axis_rx_tvalid;
        self.stall.observe(self.is_busy(), valid);
        if !valid {
            return Ok(());
        }
        if !outputs.s_axis_rx_tready {
            return Err(Violation::RxStalled);
        }
        if self.sent_bytes == 0 {
            self.first = at;
        }
        self.sent_bytes += self.beat().len();
        if !self.is_busy() {
            self.line
                .carry(self.first.cycle, at.cycle, self.frame.len());
            report(&Observation::RxFrame {
                frame: &self.frame,
                bad: self.bad,
                span: Span {
                    first: self.first,
                    last: at,
                },
            });
        }
        Ok(())
    }
}

/// Takes `m_axis_tx_*`: what leaves for the wire.
#[derive(Debug)]
pub struct MacTx {
    width: Width,
    frame: Vec<u8>,
    first: Moment,
    line: Line,
    stall: Stall,
    stable: Stable<([u64; 8], u64, bool, bool)>,
}

impl MacTx {
    /// A MAC that makes beats wait as `stall` says.
    pub fn new(width: Width, stall: StallConfig, seed: u64) -> Self {
        Self {
            width,
            frame: Vec::with_capacity(BUFFER_BYTES),
            first: Moment::default(),
            line: Line::new(width),
            stall: Stall::new(stall, seed, 10),
            stable: Stable::new("m_axis_tx"),
        }
    }

    /// Whether a frame, or the gap after one, is under way in this cycle.
    pub fn is_busy(&self, cycle: u64) -> bool {
        !self.frame.is_empty() || cycle < self.line.free_cycle
    }

    /// Sets the inputs of this cycle.
    pub fn drive(&self, inputs: &mut Inputs, cycle: u64) {
        inputs.m_axis_tx_tready = cycle >= self.line.free_cycle && self.stall.is_ready();
    }

    /// Takes what the cycle brought. A whole good frame goes to `send`.
    ///
    /// # Errors
    /// [`Violation`] of the stream's rules.
    pub fn observe(
        &mut self,
        inputs: &Inputs,
        outputs: &Outputs,
        at: Moment,
        report: &mut dyn FnMut(&Observation),
        send: impl FnOnce(&[u8]),
    ) -> Result<(), Violation> {
        let (valid, ready) = (outputs.m_axis_tx_tvalid, inputs.m_axis_tx_tready);
        let (tkeep, tlast) = (outputs.m_axis_tx_tkeep, outputs.m_axis_tx_tlast);
        let bad = outputs.m_axis_tx_tuser;
        self.stable.observe(
            valid.then_some((outputs.m_axis_tx_tdata, tkeep, tlast, bad)),
            ready,
        )?;
        if !valid && !self.frame.is_empty() {
            let len_bytes = self.frame.len();
            return Err(Violation::TxGap { len_bytes });
        }
        let taken = valid && ready;
        self.stall
            .observe(valid && at.cycle >= self.line.free_cycle, taken);
        if !taken {
            return Ok(());
        }

        let len_bytes = tkeep.trailing_ones() as usize;
        let contiguous = tkeep.count_ones() as usize == len_bytes;
        if len_bytes == 0 || !contiguous || (!tlast && len_bytes != self.width.bytes()) {
            return Err(Violation::TxKeep { tkeep, tlast });
        }
        if self.frame.is_empty() {
            self.first = at;
        }
        let mut bytes = [0; 64];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(outputs.m_axis_tx_tdata) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        self.frame.extend_from_slice(&bytes[..len_bytes]);
        if tlast {
            self.line
                .carry(self.first.cycle, at.cycle, self.frame.len());
            let frame = &self.frame;
            let span = Span {
                first: self.first,
                last: at,
            };
            report(&Observation::TxFrame { frame, bad, span });
            if !bad {
                send(frame);
            }
            self.frame.clear();
        }
        Ok(())
    }
}
