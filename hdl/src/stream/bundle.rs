//! The signals of one AXI4-Stream, seen from its two ends.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_verilog::bundle;
use rust_hdl::prelude::*;

/// The sending end of an AXI4-Stream.
#[bundle(StreamSink)]
pub struct StreamSource<const W: usize, const K: usize> {
    /// The bytes of this beat.
    pub tdata: Signal<Out, Bits<W>>,
    /// Which bytes count.
    pub tkeep: Signal<Out, Bits<K>>,
    /// A beat is there.
    pub tvalid: Signal<Out, Bit>,
    /// The beat is taken at this clock edge.
    pub tready: Signal<In, Bit>,
    /// Last beat of the packet.
    pub tlast: Signal<Out, Bit>,
    /// The packet is bad; what that means is the stream's to say. Valid with `tlast`.
    pub tuser: Signal<Out, Bit>,
}

/// The receiving end of an AXI4-Stream.
#[bundle(StreamSource)]
pub struct StreamSink<const W: usize, const K: usize> {
    /// The bytes of this beat.
    pub tdata: Signal<In, Bits<W>>,
    /// Which bytes count.
    pub tkeep: Signal<In, Bits<K>>,
    /// A beat is there.
    pub tvalid: Signal<In, Bit>,
    /// The beat is taken at this clock edge.
    pub tready: Signal<Out, Bit>,
    /// Last beat of the packet.
    pub tlast: Signal<In, Bit>,
    /// The packet is bad; what that means is the stream's to say. Valid with `tlast`.
    pub tuser: Signal<In, Bit>,
}
