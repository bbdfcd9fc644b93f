//! A command that is pushed to the whole NIC leaves as a frame without a read of memory, and counts as a doorbell does.

mod bench;

use bench::Clocked;
use handclasp_hdl::nic::HandclaspNic64;
use handclasp_layout::queue::{FlowCommand, Opcode, SegmentCommand, ENTRY_BYTES};
use handclasp_layout::register::Control;
use handclasp_layout::register::{
    Register, COMMAND_BASE_HIGH, COMMAND_BASE_LOW, COMMAND_LOG2, COMMAND_PRODUCER, CONTROL,
    EVENT_LOG2, QUEUE_ENABLE,
};
use num_bigint::BigUint;
use rust_hdl::prelude::*;

clocked! {
    [] HandclaspNic64;
}

const RING_BASE: u64 = 0x1_2345_6000;
const BEATS: usize = ENTRY_BYTES / 8;
const OKAY: u64 = 0;
const SLVERR: u64 = 2;

struct Bench {
    /// Too large for a test's stack when it is moved.
    uut: Box<HandclaspNic64>,
    cycle: usize,
    /// Addresses that the NIC wanted to read from; they are never answered.
    reads: Vec<u64>,
    /// First beats of frames, and when they came.
    frames: Vec<(usize, u64)>,
    in_frame: bool,
}

impl Bench {
    fn new() -> Self {
        let mut uut = Box::<HandclaspNic64>::default();
        uut.connect_all();
        uut.m_axis_tx.tready.next = true;
        uut.s_axil.bready.next = true;
        uut.reset();
        let mut bench = Bench {
            uut,
            cycle: 0,
            reads: vec![],
            frames: vec![],
            in_frame: false,
        };
        bench.quiet();
        bench
    }

    fn step(&mut self) {
        let uut = &mut self.uut;
        uut.settle();
        if uut.m_axi.arvalid.val() {
            self.reads.push(uut.m_axi.araddr.val().into());
        }
        if uut.m_axis_tx.tvalid.val() {
            if !self.in_frame {
                let first = uut.m_axis_tx.tdata.val().into();
                self.frames.push((self.cycle, first));
            }
            self.in_frame = !uut.m_axis_tx.tlast.val();
        }
        uut.tick();
        self.cycle += 1;
    }

    fn quiet(&mut self) {
        for _ in 0..10_000 {
            self.step();
            if !self.uut.busy.val() {
                return;
            }
        }
        panic!("never quiet");
    }

    fn write(&mut self, register: Register, value: u32) {
        self.uut.s_axil.awaddr.next = u64::from(register.offset).into();
        self.uut.s_axil.wdata.next = u64::from(value).into();
        self.uut.s_axil.wstrb.next = 0xf.into();
        self.uut.s_axil.awvalid.next = true;
        self.uut.s_axil.wvalid.next = true;
        self.step();
        self.uut.s_axil.awvalid.next = false;
        self.uut.s_axil.wvalid.next = false;
        for _ in 0..4 {
            self.step();
        }
    }

    /// Pushes an entry; returns the answer, and the cycle in which its last beat was taken.
    fn push(&mut self, entry: [u8; ENTRY_BYTES], strobes: u64) -> (u64, usize) {
        self.uut.s_axi_push.awaddr.next = 0x100.into();
        self.uut.s_axi_push.awlen.next = (BEATS as u64 - 1).into();
        self.uut.s_axi_push.awsize.next = 3.into();
        self.uut.s_axi_push.awburst.next = 1.into();
        self.uut.s_axi_push.awvalid.next = true;
        let mut last = 0;
        for (i, chunk) in entry.chunks(8).enumerate() {
            self.uut.s_axi_push.wdata.next = BigUint::from_bytes_le(chunk).into();
            self.uut.s_axi_push.wstrb.next = strobes.into();
            self.uut.s_axi_push.wlast.next = i + 1 == BEATS;
            self.uut.s_axi_push.wvalid.next = true;
            self.uut.settle();
            if i == 0 {
                assert!(!self.uut.s_axi_push.wready.val(), "behind their address");
                self.step();
                self.uut.s_axi_push.awvalid.next = false;
                self.uut.settle();
            }
            assert!(self.uut.s_axi_push.wready.val(), "taken as they come");
            last = self.cycle;
            self.step();
        }
        self.uut.s_axi_push.wvalid.next = false;
        self.uut.s_axi_push.bready.next = true;
        self.uut.settle();
        assert!(
            self.uut.s_axi_push.bvalid.val(),
            "answered in the next cycle"
        );
        let response = self.uut.s_axi_push.bresp.val().into();
        self.step();
        self.uut.s_axi_push.bready.next = false;
        (response, last)
    }
}

#[test]
fn a_pushed_command_leaves_without_a_read() {
    let mut bench = Bench::new();
    bench.write(COMMAND_BASE_LOW, RING_BASE as u32);
    bench.write(COMMAND_BASE_HIGH, (RING_BASE >> 32) as u32);
    bench.write(COMMAND_LOG2, 3);
    bench.write(EVENT_LOG2, 3);
    bench.write(QUEUE_ENABLE, 1);
    let control = Control {
        tx_enable: true,
        ..Default::default()
    };
    bench.write(CONTROL, u32::from_le_bytes(control.encode()));

    let flow = FlowCommand {
        opcode: Opcode::FlowInsert as u8,
        connection: 1,
        remote_mac: 0x0211_2233_4455,
        ttl: 64,
        ..Default::default()
    };
    let segment = SegmentCommand {
        opcode: Opcode::Segment as u8,
        connection: 1,
        ..Default::default()
    };
    assert_eq!(bench.push(flow.encode(), 0xff).0, OKAY);
    bench.quiet();
    // What is no push changes nothing.
    assert_eq!(bench.push(segment.encode(), 0x7f).0, SLVERR);
    bench.quiet();
    assert_eq!(bench.frames, []);

    let (response, last) = bench.push(segment.encode(), 0xff);
    assert_eq!(response, OKAY);
    bench.quiet();
    assert_eq!(bench.frames.len(), 1);
    let (first, beat) = bench.frames[0];
    assert_eq!(
        first - last,
        8,
        "cycles from the push's last beat to the frame"
    );
    assert_eq!(beat & 0xffff_ffff_ffff, 0x5544_3322_1102);
    assert_eq!(bench.reads, [0_u64; 0], "nothing was read");

    // Two pushes counted as doorbells: the next entry is the third.
    bench.write(COMMAND_PRODUCER, 3);
    for _ in 0..8 {
        bench.step();
    }
    assert_eq!(bench.reads.first(), Some(&(RING_BASE + 2 * 64)));
}
