//! The signals of one AXI4-Lite port with 16-bit addresses and 32-bit data, seen from its slave.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_verilog::bundle;
use rust_hdl::prelude::*;

/// The slave's end of an AXI4-Lite port.
#[bundle]
pub struct AxiLiteSlave {
    /// Write address: offset in BAR0.
    pub awaddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub awprot: Signal<In, Bits<3>>,
    /// A write address is there.
    pub awvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub awready: Signal<Out, Bit>,
    /// Write data.
    pub wdata: Signal<In, Bits<32>>,
    /// Which bytes are written.
    pub wstrb: Signal<In, Bits<4>>,
    /// Write data is there.
    pub wvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub wready: Signal<Out, Bit>,
    /// Write answer: always OKAY.
    pub bresp: Signal<Out, Bits<2>>,
    /// A write answer is there.
    pub bvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub bready: Signal<In, Bit>,
    /// Read address: offset in BAR0.
    pub araddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub arprot: Signal<In, Bits<3>>,
    /// A read address is there.
    pub arvalid: Signal<In, Bit>,
    /// It is taken at this clock edge.
    pub arready: Signal<Out, Bit>,
    /// Read data.
    pub rdata: Signal<Out, Bits<32>>,
    /// Always OKAY.
    pub rresp: Signal<Out, Bits<2>>,
    /// Read data is there.
    pub rvalid: Signal<Out, Bit>,
    /// It is taken at this clock edge.
    pub rready: Signal<In, Bit>,
}
