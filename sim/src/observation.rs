//! What a simulation shows of itself while it runs: for ladders, captures and measurements.

/// A point in simulated time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Clock cycles since the simulation began, skipped ones included.
    pub cycle: u64,
    /// What the NIC's `now` input shows.
    pub now_ns: u64,
}

/// From first to last beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first beat.
    pub first: Moment,
    /// The last beat.
    pub last: Moment,
}

/// Something that happened at a NIC's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observation<'a> {
    /// A frame went into the NIC, from the wire.
    RxFrame {
        /// The frame without preamble and FCS.
        frame: &'a [u8],
        /// The MAC marked it bad.
        bad: bool,
        /// When its beats were on `s_axis_rx`.
        span: Span,
    },
    /// A frame came out of the NIC, to the wire.
    TxFrame {
        /// The frame without preamble and FCS.
        frame: &'a [u8],
        /// The NIC marked it bad: it did not reach the wire.
        bad: bool,
        /// When its beats were on `m_axis_tx`.
        span: Span,
    },
    /// The host wrote a register; doorbells are among them.
    RegisterWrite {
        /// Offset in BAR0.
        offset: u32,
        /// What was written.
        value: u32,
        /// When the NIC took it.
        at: Moment,
    },
    /// The NIC read DMA memory, in one burst.
    DmaRead {
        /// First I/O address.
        address: u64,
        /// Length of the burst.
        len_bytes: u64,
        /// From the accepted address to the last beat.
        span: Span,
    },
    /// The NIC wrote DMA memory, in one burst.
    DmaWrite {
        /// First I/O address.
        address: u64,
        /// Length of the burst.
        len_bytes: u64,
        /// From the accepted address to the last beat.
        span: Span,
    },
    /// The NIC requested an interrupt.
    Interrupt {
        /// MSI-X vector.
        vector: u16,
        /// When.
        at: Moment,
    },
}
