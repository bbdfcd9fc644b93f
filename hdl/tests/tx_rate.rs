//! Command queue, reader and transmit path before a memory that answers every read late: how many cycles a frame takes.

mod bench;

use bench::Clocked;
use handclasp_hdl::dma::Reader;
use handclasp_hdl::queue::CommandQueue;
use handclasp_hdl::stream::StreamSource;
use handclasp_hdl::tx::TxPath;
use handclasp_layout::queue::{FlowCommand, Opcode, SegmentCommand, ENTRY_BYTES};
use num_bigint::BigUint;
use rust_hdl::prelude::*;
use std::collections::VecDeque;

/// What the NIC has between its AXI read port and the MAC.
#[derive(LogicBlock, Default)]
struct Transmit<
    const W: usize,
    const K: usize,
    const S: usize,
    const A: usize,
    const N: usize,
    const C: usize,
    const M: usize,
    const J: usize,
    const JM: usize,
> {
    pub clk: Signal<In, Clock>,
    pub rst: Signal<In, Bit>,
    pub command_base: Signal<In, Bits<64>>,
    pub command_log2: Signal<In, Bits<4>>,
    pub command_producer: Signal<In, Bits<32>>,
    pub m_axi_araddr: Signal<Out, Bits<64>>,
    pub m_axi_arlen: Signal<Out, Bits<8>>,
    pub m_axi_arvalid: Signal<Out, Bit>,
    pub m_axi_arready: Signal<In, Bit>,
    pub m_axi_rdata: Signal<In, Bits<W>>,
    pub m_axi_rresp: Signal<In, Bits<2>>,
    pub m_axi_rlast: Signal<In, Bit>,
    pub m_axi_rvalid: Signal<In, Bit>,
    pub m_axi_rready: Signal<Out, Bit>,
    pub m_axis_tx: StreamSource<W, K>,
    pub tx_event_valid: Signal<Out, Bit>,
    pub count_bad_command: Signal<Out, Bit>,
    pub busy: Signal<Out, Bit>,
    queue: CommandQueue<W, K, C, M>,
    reader: Reader<W, K, S, C, M>,
    tx: TxPath<W, K, S, A, N, J, JM>,
}

impl<
        const W: usize,
        const K: usize,
        const S: usize,
        const A: usize,
        const N: usize,
        const C: usize,
        const M: usize,
        const J: usize,
        const JM: usize,
    > Logic for Transmit<W, K, S, A, N, C, M, J, JM>
{
    #[hdl_gen]
    fn update(&mut self) {
        self.queue.clk.next = self.clk.val();
        self.reader.clk.next = self.clk.val();
        self.tx.clk.next = self.clk.val();
        self.queue.rst.next = self.rst.val();
        self.reader.rst.next = self.rst.val();
        self.tx.rst.next = self.rst.val();
        self.queue.queue_enable.next = true;
        self.queue.tx_enable.next = true;
        self.queue.quiesce.next = false;
        self.queue.stopped.next = false;
        self.queue.push_data.next = bits::<W>(0);
        self.queue.push_beat.next = false;
        self.queue.push_first.next = false;
        self.queue.push.next = false;
        self.queue.command_base.next = self.command_base.val();
        self.queue.command_log2.next = self.command_log2.val();
        self.queue.command_producer.next = self.command_producer.val();
        self.reader.command_request_addr.next = self.queue.request_addr.val();
        self.reader.command_request_len_bytes.next = self.queue.request_len_bytes.val();
        self.reader.command_request_valid.next = self.queue.request_valid.val();
        self.queue.request_ready.next = self.reader.command_request_ready.val();
        StreamSource::<W, K>::join(&mut self.reader.command, &mut self.queue.entries);
        self.reader.payload_request_addr.next = self.tx.payload_request_addr.val();
        self.reader.payload_request_len_bytes.next = self.tx.payload_request_len_bytes.val();
        self.reader.payload_request_valid.next = self.tx.payload_request_valid.val();
        self.tx.payload_request_ready.next = self.reader.payload_request_ready.val();
        StreamSource::<W, K>::join(&mut self.reader.payload, &mut self.tx.payload);
        self.tx.command.next = self.queue.command.val();
        self.tx.command_index.next = self.queue.command_index.val();
        self.tx.command_valid.next = self.queue.command_valid.val();
        self.queue.command_ready.next = self.tx.command_ready.val();
        self.tx.mac.next = bits::<48>(0x1234);
        self.tx.now.next = bits::<64>(0);
        self.tx.tx_event_ready.next = true;
        self.tx.flow_ready.next = true;
        self.tx.flow_done.next = true;
        self.tx.flow_status.next = bits::<8>(0);
        self.tx.listen_ready.next = true;
        self.tx.listen_done.next = true;
        StreamSource::<W, K>::link(&mut self.m_axis_tx, &mut self.tx.m_axis_tx);
        self.m_axi_araddr.next = self.reader.m_axi.araddr.val();
        self.m_axi_arlen.next = self.reader.m_axi.arlen.val();
        self.m_axi_arvalid.next = self.reader.m_axi.arvalid.val();
        self.reader.m_axi.arready.next = self.m_axi_arready.val();
        self.reader.m_axi.rid.next = 0.into();
        self.reader.m_axi.rdata.next = self.m_axi_rdata.val();
        self.reader.m_axi.rresp.next = self.m_axi_rresp.val();
        self.reader.m_axi.rlast.next = self.m_axi_rlast.val();
        self.reader.m_axi.rvalid.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = self.reader.m_axi.rready.val();
        self.tx_event_valid.next = self.tx.tx_event_valid.val();
        self.count_bad_command.next = self.tx.count_bad_command.val();
        self.busy.next = self.queue.busy.val() | self.reader.busy.val() | self.tx.busy.val();
    }
}

clocked! {
    [const W: usize, const K: usize, const S: usize, const A: usize, const N: usize, const C: usize, const M: usize, const J: usize, const JM: usize]
        Transmit<W, K, S, A, N, C, M, J, JM>;
}

const RING_BASE: u64 = 0x7_f000;
const RING_LOG2: u32 = 8;
/// Payloads lie in slots of 2 KiB; frame n's is not aligned, and may cross 4 KiB.
const PAYLOAD_BASE: u64 = 0x100_0000;

fn payload_addr(frame: usize) -> u64 {
    PAYLOAD_BASE + 2048 * (frame as u64 % 64) + 3 * (frame as u64 % 7)
}

fn byte_at(addr: u64) -> u8 {
    (addr ^ (addr >> 8).wrapping_mul(59)) as u8
}

/// The commands: one FlowInsert, then segments of one length.
fn command(index: u32, payload_len_bytes: usize) -> [u8; ENTRY_BYTES] {
    if index == 0 {
        return FlowCommand {
            opcode: Opcode::FlowInsert as u8,
            connection: 1,
            remote_ip: 0xc000_0202,
            local_ip: 0xc000_0201,
            remote_port: 80,
            local_port: 4242,
            ttl: 64,
            ..Default::default()
        }
        .encode();
    }
    SegmentCommand {
        opcode: Opcode::Segment as u8,
        connection: 1,
        payload_len_bytes: payload_len_bytes as u32,
        payload_addr: payload_addr(index as usize),
        seq: index,
        tcp_flags: 0x10,
        ..Default::default()
    }
    .encode()
}

/// Cycles a frame, in the long run, with reads that are answered `latency` cycles after their address.
fn cycles_a_frame<
    const W: usize,
    const K: usize,
    const S: usize,
    const A: usize,
    const N: usize,
    const C: usize,
    const M: usize,
    const J: usize,
    const JM: usize,
>(
    payload_len_bytes: usize,
    frames: u32,
    latency: u64,
) -> f64 {
    let mut uut = Transmit::<W, K, S, A, N, C, M, J, JM>::default();
    uut.connect_all();
    uut.command_base.next = RING_BASE.into();
    uut.command_log2.next = u64::from(RING_LOG2).into();
    uut.m_axi_arready.next = true;
    uut.m_axis_tx.tready.next = true;
    uut.reset();
    let mut reads: VecDeque<(u64, u64, usize)> = VecDeque::new();
    let (mut cycle, mut taken) = (0_u64, 0_u32);
    let mut lasts: Vec<u64> = vec![];
    let (mut frame, mut in_frame) = (vec![], false);
    while lasts.len() < frames as usize {
        // The host keeps the ring full: an entry is free when its frame has left.
        let producer = (frames + 1).min(taken + (1 << RING_LOG2));
        uut.command_producer.next = u64::from(producer).into();
        let due = reads.front().filter(|(due, ..)| *due <= cycle).copied();
        uut.m_axi_rvalid.next = due.is_some();
        if let Some((_, addr, beats)) = due {
            let bytes: Vec<u8> = if addr < PAYLOAD_BASE {
                // The newest command at this place of the ring.
                let place = ((addr - RING_BASE) / 64) as u32;
                let ring = 1 << RING_LOG2;
                let index = (producer - 1) - (producer - 1 - place) % ring;
                let entry = command(index, payload_len_bytes);
                let offset = (addr % 64) as usize;
                entry[offset..offset + K].to_vec()
            } else {
                (addr..addr + K as u64).map(byte_at).collect()
            };
            uut.m_axi_rdata.next = BigUint::from_bytes_le(&bytes).into();
            uut.m_axi_rlast.next = beats == 1;
        }
        uut.settle();
        if uut.m_axi_rvalid.val() && uut.m_axi_rready.val() {
            let (due, addr, beats) = reads.pop_front().unwrap();
            if beats > 1 {
                reads.push_front((due, addr + K as u64, beats - 1));
            }
        }
        if uut.m_axi_arvalid.val() {
            let beats = u64::from(uut.m_axi_arlen.val()) as usize + 1;
            reads.push_back((cycle + latency, uut.m_axi_araddr.val().into(), beats));
        }
        assert!(!uut.count_bad_command.val());
        assert!(!in_frame || uut.m_axis_tx.tvalid.val(), "a gap in a frame");
        if uut.m_axis_tx.tvalid.val() {
            in_frame = !uut.m_axis_tx.tlast.val();
            let mut data = BigUint::from(uut.m_axis_tx.tdata.val()).to_bytes_le();
            data.resize(K, 0);
            frame.extend_from_slice(&data);
            if !in_frame {
                taken += 1;
                let addr = payload_addr(taken as usize);
                let payload = (addr..addr + payload_len_bytes as u64).map(byte_at);
                assert!(payload.eq(frame[54..54 + payload_len_bytes].iter().copied()));
                assert_eq!(frame[38..42], taken.to_be_bytes(), "in order");
                frame.clear();
                lasts.push(cycle);
            }
        }
        uut.tick();
        cycle += 1;
        assert!(cycle < 1_000_000, "stuck");
    }
    let half = lasts.len() / 2;
    (lasts[lasts.len() - 1] - lasts[half]) as f64 / (lasts.len() - 1 - half) as f64
}

/// Cycles that the wire needs for a frame: with preamble, FCS and the gap between frames 24 bytes more.
fn wire_cycles(payload_len_bytes: usize, bits_a_cycle: f64) -> f64 {
    let frame_len_bytes = (54 + payload_len_bytes).max(60);
    (8 * (frame_len_bytes + 24)) as f64 / bits_a_cycle
}

/// 900 ns at 156.25 MHz; the wire takes 64 bits a cycle.
#[test]
fn width_64_holds_the_line_with_reads_of_900_ns() {
    for (payload_len_bytes, frames) in [(0, 150), (64, 100), (1448, 30)] {
        let cycles = cycles_a_frame::<64, 8, 3, 10, 11, 5, 6, 4, 5>(payload_len_bytes, frames, 141);
        let wire = wire_cycles(payload_len_bytes, 64.0);
        println!("W = 64, {payload_len_bytes} bytes: {cycles} cycles, the wire {wire}");
        assert!(cycles <= wire, "{payload_len_bytes} bytes: {cycles} cycles");
    }
}

/// 900 ns at 250 MHz; the wire takes 400 bits a cycle, and short frames come at 60 million a second at least.
#[test]
fn width_512_holds_the_line_with_reads_of_900_ns() {
    for (payload_len_bytes, frames) in [(0, 400), (64, 400), (1448, 80)] {
        let cycles =
            cycles_a_frame::<512, 64, 6, 9, 10, 7, 8, 7, 8>(payload_len_bytes, frames, 225);
        let wire = wire_cycles(payload_len_bytes, 400.0);
        println!("W = 512, {payload_len_bytes} bytes: {cycles} cycles, the wire {wire}");
        // 60 million frames a second.
        let wanted = wire.max(250.0 / 60.0);
        assert!(
            cycles <= wanted,
            "{payload_len_bytes} bytes: {cycles} cycles"
        );
    }
}
