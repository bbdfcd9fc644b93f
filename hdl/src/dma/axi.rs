//! The signals of the AXI4 master port, seen from the master: all five channels, those for writing, those for reading. D bits (K bytes) a beat.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_verilog::bundle;
use rust_hdl::prelude::*;

/// The bundles, from one list of signals for each way.
macro_rules! axi_masters {
    (
        write { $($write_doc:literal $write:ident: $write_direction:ident $write_type:ty,)* }
        read { $($read_doc:literal $read:ident: $read_direction:ident $read_type:ty,)* }
    ) => {
        /// The master's end of an AXI4 port.
        #[bundle]
        pub struct AxiMaster<const D: usize, const K: usize> {
            $(#[doc = $write_doc] pub $write: Signal<$write_direction, $write_type>,)*
            $(#[doc = $read_doc] pub $read: Signal<$read_direction, $read_type>,)*
        }

        /// Its channels for writing: addresses, data, answers.
        #[bundle]
        pub struct AxiWriteMaster<const D: usize, const K: usize> {
            $(#[doc = $write_doc] pub $write: Signal<$write_direction, $write_type>,)*
        }

        /// Its channels for reading: addresses, data.
        #[bundle]
        pub struct AxiReadMaster<const D: usize, const K: usize> {
            $(#[doc = $read_doc] pub $read: Signal<$read_direction, $read_type>,)*
        }
    };
}

axi_masters! {
    write {
        "Write address: id, always 0." awid: Out Bits<1>,
        "Address of the first beat." awaddr: Out Bits<64>,
        "Beats less one." awlen: Out Bits<8>,
        "log2 of the bytes of a beat: always log2(K)." awsize: Out Bits<3>,
        "Always INCR." awburst: Out Bits<2>,
        "Always 0: no exclusive access." awlock: Out Bit,
        "Normal, non-cacheable, bufferable." awcache: Out Bits<4>,
        "Unprivileged, secure, data." awprot: Out Bits<3>,
        "Always 0: no quality of service." awqos: Out Bits<4>,
        "A write address is there." awvalid: Out Bit,
        "It is taken at this clock edge." awready: In Bit,
        "Write data: the beat." wdata: Out Bits<D>,
        "Which bytes are written." wstrb: Out Bits<K>,
        "The burst's last beat." wlast: Out Bit,
        "A beat is there." wvalid: Out Bit,
        "It is taken at this clock edge." wready: In Bit,
        "Write answer: id, not looked at, as all are 0." bid: In Bits<1>,
        "OKAY, or an error in bit 1." bresp: In Bits<2>,
        "An answer is there." bvalid: In Bit,
        "It is taken at this clock edge." bready: Out Bit,
    }
    read {
        "Read address: id, always 0." arid: Out Bits<1>,
        "Address of the first beat." araddr: Out Bits<64>,
        "Beats less one." arlen: Out Bits<8>,
        "log2 of the bytes of a beat: always log2(K)." arsize: Out Bits<3>,
        "Always INCR." arburst: Out Bits<2>,
        "Always 0: no exclusive access." arlock: Out Bit,
        "Normal, non-cacheable, bufferable." arcache: Out Bits<4>,
        "Unprivileged, secure, data." arprot: Out Bits<3>,
        "Always 0: no quality of service." arqos: Out Bits<4>,
        "A read address is there." arvalid: Out Bit,
        "It is taken at this clock edge." arready: In Bit,
        "Read data: id, not looked at, as all are 0." rid: In Bits<1>,
        "The beat." rdata: In Bits<D>,
        "OKAY, or an error in bit 1." rresp: In Bits<2>,
        "The burst's last beat." rlast: In Bit,
        "A beat is there." rvalid: In Bit,
        "It is taken at this clock edge." rready: Out Bit,
    }
}
