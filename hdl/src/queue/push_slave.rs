//! The signals of the AXI4 slave port for pushed commands, seen from the slave: writes only.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_verilog::bundle;
use rust_hdl::prelude::*;

/// The slave's end of the port for pushes: W bits (K bytes) a beat.
#[bundle]
pub struct PushSlave<const W: usize, const K: usize> {
    /// Write address: id, given back with the answer.
    pub awid: Signal<In, Bits<1>>,
    /// Address in the window.
    pub awaddr: Signal<In, Bits<12>>,
    /// Beats less one.
    pub awlen: Signal<In, Bits<8>>,
    /// log2 of the bytes of a beat.
    pub awsize: Signal<In, Bits<3>>,
    /// Kind of burst.
    pub awburst: Signal<In, Bits<2>>,
    /// A write address is there.
    pub awvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub awready: Signal<Out, Bit>,
    /// Write data of a push.
    pub wdata: Signal<In, Bits<W>>,
    /// Which bytes are written.
    pub wstrb: Signal<In, Bits<K>>,
    /// The burst's last beat.
    pub wlast: Signal<In, Bit>,
    /// A beat is there.
    pub wvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub wready: Signal<Out, Bit>,
    /// Answer to a push: id.
    pub bid: Signal<Out, Bits<1>>,
    /// OKAY, or SLVERR for what is no push.
    pub bresp: Signal<Out, Bits<2>>,
    /// An answer is there.
    pub bvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub bready: Signal<In, Bit>,
}
