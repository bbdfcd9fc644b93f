//! The ports of the top module `handclasp_nic`, and the rules that hold at each group of them.

/// Direction, as the NIC sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the NIC.
    In,
    /// Out of the NIC.
    Out,
}

/// Width of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many bits.
    Bits(usize),
    /// W: the width of the data paths in bits.
    Data,
    /// W / 8: a bit for each byte of the data path.
    Lanes,
    /// D: the width of the bus in bits, [`bus_bits`].
    Bus,
    /// D / 8: a bit for each byte of the bus.
    BusLanes,
}

/// Width D of the bus to the host's memory in bits, in a NIC with data paths of `data_bits`. At W = 64 the bus is twice as wide: beside
/// the payloads of a full line it carries events and commands.
pub const fn bus_bits(data_bits: usize) -> usize {
    if data_bits == 64 {
        128
    } else {
        data_bits
    }
}

impl Width {
    /// In bits, in a NIC with data paths of `data_bits`.
    pub fn bits(self, data_bits: usize) -> usize {
        match self {
            Self::Bits(bits) => bits,
            Self::Data => data_bits,
            Self::Lanes => data_bits / 8,
            Self::Bus => bus_bits(data_bits),
            Self::BusLanes => bus_bits(data_bits) / 8,
        }
    }
}

/// One port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name in Verilog.
    pub name: &'static str,
    /// Direction.
    pub direction: Direction,
    /// Width.
    pub width: Width,
    /// Meaning.
    pub doc: &'static str,
}

/// Ports that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// What they are.
    pub name: &'static str,
    /// What holds for them, a sentence or a few each.
    pub rules: &'static [&'static str],
    /// The ports, in the order of the module's header.
    pub ports: &'static [Port],
}

/// Cycles that a reset must last.
pub const RESET_CYCLES_MIN: usize = 1;

macro_rules! interfaces {
    ($($name:literal: [$($rule:literal)*] $($direction:ident $port:ident $width:tt $doc:literal;)*)*) => {
        /// All ports, in the order of the module's header.
        pub const INTERFACES: &[Interface] = &[$(Interface {
            name: $name,
            rules: &[$($rule),*],
            ports: &[$(Port {
                name: stringify!($port),
                direction: Direction::$direction,
                width: interfaces!(@width $width),
                doc: $doc,
            },)*],
        },)*];
    };
    (@width W) => { Width::Data };
    (@width K) => { Width::Lanes };
    (@width D) => { Width::Bus };
    (@width DK) => { Width::BusLanes };
    (@width $bits:literal) => { Width::Bits($bits) };
}

interfaces! {
    "Clock, reset, time":
    [
        "One clock for everything: inputs are sampled, and outputs change, at its rising edge."
        "`rst` is synchronous and active high. It takes every register of BAR0 to 0, forgets all frames, commands and transfers, and clears the tables. The bus must be reset with it: an answer to a transfer of before the reset is taken for one of after it."
        "While `busy` is low and no input but `now` changes, nothing in the NIC changes. Tables that are being cleared count as busy."
    ]
    In clk 1 "Clock.";
    In rst 1 "Reset.";
    In now 64 "Time: a free-running count, in any unit. Timestamps are copies of it; MODERATION_NS is in its unit.";
    In link_up 1 "The link is up. Shown in STATUS, and used for nothing else.";
    Out busy 1 "A frame, command, transfer, interrupt or register access is in flight.";

    "AXI4-Lite slave (BAR0)":
    [
        "Address and data of a write may come in either order; the answer comes when both have come. One write and one read are under way at a time; they do not wait for each other."
        "Every access is answered OKAY. The lowest two bits of an address are ignored. Offsets that are not listed read 0 and ignore writes. Strobes are honoured for registers and doorbells alike."
    ]
    In s_axil_awaddr 16 "Write address: offset in BAR0.";
    In s_axil_awprot 3 "Ignored.";
    In s_axil_awvalid 1 "A write address is there.";
    Out s_axil_awready 1 "The write address is taken.";
    In s_axil_wdata 32 "Write data.";
    In s_axil_wstrb 4 "Which bytes of the register are written.";
    In s_axil_wvalid 1 "Write data is there.";
    Out s_axil_wready 1 "The write data is taken.";
    Out s_axil_bresp 2 "Always OKAY (0).";
    Out s_axil_bvalid 1 "The write has been done.";
    In s_axil_bready 1 "The answer is taken.";
    In s_axil_araddr 16 "Read address: offset in BAR0.";
    In s_axil_arprot 3 "Ignored.";
    In s_axil_arvalid 1 "A read address is there.";
    Out s_axil_arready 1 "The read address is taken.";
    Out s_axil_rdata 32 "Read data.";
    Out s_axil_rresp 2 "Always OKAY (0).";
    Out s_axil_rvalid 1 "Read data is there.";
    In s_axil_rready 1 "The read data is taken.";

    "AXI4 slave (pushed commands)":
    [
        "One aligned INCR burst of 64 bytes with all strobes, anywhere in the window of 4096 bytes, is a push: the host has written a command into its place in the ring, and writes the same 64 bytes here. COMMAND_PRODUCER rises by one, and the command is carried out without a read if everything before it has been fetched."
        "Any other burst is taken to its end, answered SLVERR, and changes nothing. There is no read channel."
        "A doorbell write sets COMMAND_PRODUCER whatever has been pushed, and no bus orders it with a push: who does both waits for the answer of the one before the other."
    ]
    In s_axi_push_awid 1 "Write address: ID, given back with the answer.";
    In s_axi_push_awaddr 12 "Offset in the window: a multiple of 64.";
    In s_axi_push_awlen 8 "Beats of the burst less one: 512 / W - 1.";
    In s_axi_push_awsize 3 "log2(W / 8).";
    In s_axi_push_awburst 2 "INCR (1).";
    In s_axi_push_awvalid 1 "A write address is there.";
    Out s_axi_push_awready 1 "The write address is taken.";
    In s_axi_push_wdata W "Write data.";
    In s_axi_push_wstrb K "All ones.";
    In s_axi_push_wlast 1 "The beat is its burst's last.";
    In s_axi_push_wvalid 1 "Write data is there.";
    Out s_axi_push_wready 1 "The write data is taken.";
    Out s_axi_push_bid 1 "ID of the write.";
    Out s_axi_push_bresp 2 "OKAY (0), or SLVERR (2) for what is no push.";
    Out s_axi_push_bvalid 1 "The answer is there.";
    In s_axi_push_bready 1 "The answer is taken.";

    "AXI4 master (the host's memory)":
    [
        "All transfers have the ID 0, so the bus must answer reads in the order of their addresses, and writes in the order of theirs. The IDs of answers are ignored."
        "All bursts are INCR, of whole beats of D bits at addresses that are multiples of D / 8. They have at most 256 beats and do not cross a multiple of 4096. A read of a payload that is not aligned so therefore also reads up to D / 8 - 1 bytes before it, and as many behind it."
        "Write strobes are contiguous from lane 0. They are all ones, but on the last beat of a payload."
        "Data of a write may be offered before its address is taken. At most 33 (W = 64) or 129 (W = 512) bursts of reads, and 32 or 256 of writes, wait for their answers: as many as are under way at line rate when a read takes 900 ns and a write 300 ns. A bus that takes fewer at once is slower, and right. All outputs of writes are registers."
        "Bit 1 of `m_axi_rresp` or `m_axi_bresp` (SLVERR, DECERR) stops the queue (EventKind::QueueStopped). The burst must be taken to its end (`m_axi_rlast`) all the same."
    ]
    Out m_axi_awid 1 "Always 0.";
    Out m_axi_awaddr 64 "Write address of the burst's first beat.";
    Out m_axi_awlen 8 "Beats of the burst less one.";
    Out m_axi_awsize 3 "log2(D / 8).";
    Out m_axi_awburst 2 "Always INCR (1).";
    Out m_axi_awlock 1 "Always 0.";
    Out m_axi_awcache 4 "Always 3: normal, non-cacheable, bufferable.";
    Out m_axi_awprot 3 "Always 0: unprivileged, secure, data.";
    Out m_axi_awqos 4 "Always 0.";
    Out m_axi_awvalid 1 "A write address is there.";
    In m_axi_awready 1 "The write address is taken.";
    Out m_axi_wdata D "Write data.";
    Out m_axi_wstrb DK "Which bytes of the beat are written.";
    Out m_axi_wlast 1 "The beat is its burst's last.";
    Out m_axi_wvalid 1 "Write data is there.";
    In m_axi_wready 1 "The write data is taken.";
    In m_axi_bid 1 "Ignored.";
    In m_axi_bresp 2 "Answer to a write burst.";
    In m_axi_bvalid 1 "An answer is there.";
    Out m_axi_bready 1 "The answer is taken.";
    Out m_axi_arid 1 "Always 0.";
    Out m_axi_araddr 64 "Read address of the burst's first beat.";
    Out m_axi_arlen 8 "Beats of the burst less one.";
    Out m_axi_arsize 3 "log2(D / 8).";
    Out m_axi_arburst 2 "Always INCR (1).";
    Out m_axi_arlock 1 "Always 0.";
    Out m_axi_arcache 4 "Always 3: normal, non-cacheable, bufferable.";
    Out m_axi_arprot 3 "Always 0: unprivileged, secure, data.";
    Out m_axi_arqos 4 "Always 0.";
    Out m_axi_arvalid 1 "A read address is there.";
    In m_axi_arready 1 "The read address is taken.";
    In m_axi_rid 1 "Ignored.";
    In m_axi_rdata D "Read data.";
    In m_axi_rresp 2 "Answer to this beat.";
    In m_axi_rlast 1 "The beat is its burst's last.";
    In m_axi_rvalid 1 "Read data is there.";
    Out m_axi_rready 1 "The read data is taken.";

    "AXI4-Stream slave (frames from the MAC)":
    [
        "A frame is a packet, from its destination address on, without preamble and FCS. Its first byte is in bits 7 to 0 of the first beat. `tkeep` is all ones but on the last beat, where it is contiguous from lane 0."
        "`s_axis_rx_tready` is always high: a MAC cannot be stalled. `tvalid` may fall within a frame."
    ]
    In s_axis_rx_tdata W "Bytes of the frame.";
    In s_axis_rx_tkeep K "Which bytes of the beat are the frame's.";
    In s_axis_rx_tvalid 1 "A beat is there.";
    Out s_axis_rx_tready 1 "Always 1.";
    In s_axis_rx_tlast 1 "The beat is its frame's last.";
    In s_axis_rx_tuser 1 "With `tlast`: the frame is bad (wrong FCS, or aborted). Ignored on other beats.";

    "AXI4-Stream master (frames to the MAC)":
    [
        "The same order of bytes. Once a frame has begun, `tvalid` stays high until its last beat has been taken, however long `tready` is low."
    ]
    Out m_axis_tx_tdata W "Bytes of the frame.";
    Out m_axis_tx_tkeep K "Which bytes of the beat are the frame's.";
    Out m_axis_tx_tvalid 1 "A beat is there.";
    In m_axis_tx_tready 1 "The beat is taken.";
    Out m_axis_tx_tlast 1 "The beat is its frame's last.";
    Out m_axis_tx_tuser 1 "Always 0.";

    "MSI-X":
    [
        "A cycle with both `msix_valid` and `msix_ready` high is one message. The table of addresses and data is the board's."
    ]
    Out msix_vector 16 "Vector of the message.";
    Out msix_valid 1 "A message is to be sent.";
    In msix_ready 1 "The message is taken.";
}
