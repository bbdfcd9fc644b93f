//! BAR0: registers, doorbells and counters behind an AXI4-Lite slave.
//!
//! ```text
//!  aw ──> address register ─┐
//!  w  ──> data register ────┴─ both there ──> words (one a writable register) ──> configuration, doorbells
//!  b  <── answer register <─┘                     │
//!  ar ──> address register ──> multiplexer <──────┴─── constants, status, counters
//!  r  <── data register <──────────┘
//! ```
//!
//! Address and data of a write may come in any order. Every access is answered OKAY: unlisted offsets read 0 and ignore writes, as does
//! writing what is read-only or reading what is write-only. Strobes are honoured, also for doorbells.
//!
//! Latency: write 1 cycle from the later of address and data to the new value, 2 to `bvalid`; read 2 cycles from `arvalid` to `rvalid`. Throughput: one write in 2 cycles
//! and one read in 3. One clock; reset takes everything to 0. A QUEUE_ENABLE that rises zeroes the doorbells. No errors, no counters of its own.

use super::counters::COUNTER_COUNT;
use crate::fields;
use handclasp_layout::register::{
    self, Access, Capabilities, Register, CONNECTIONS_LOG2, COUNTER_BASE, LAYOUT_VERSION,
    MAGIC_VALUE, QUEUES, SLOT_BYTES_LOG2_DEFAULT, SLOT_BYTES_LOG2_MAX,
};
use rust_hdl::prelude::*;
use std::array;

/// The registers that can be written, in the order of `Registers::word`.
const WORDS: [Register; 27] = [
    register::CONTROL,
    register::MAC_LOW,
    register::MAC_HIGH,
    register::LOCAL_IP,
    register::HASH_KEY_0,
    register::COMMAND_BASE_LOW,
    register::COMMAND_BASE_HIGH,
    register::COMMAND_LOG2,
    register::EVENT_BASE_LOW,
    register::EVENT_BASE_HIGH,
    register::EVENT_LOG2,
    register::SLOT_BASE_LOW,
    register::SLOT_BASE_HIGH,
    register::SLOT_LOG2,
    register::MSIX_VECTOR,
    register::MODERATION_NS,
    register::QUEUE_ENABLE,
    register::COMMAND_PRODUCER,
    register::EVENT_CONSUMER,
    register::SLOT_PRODUCER,
    register::INTERRUPT_ARM,
    register::HASH_KEY_1,
    register::HASH_KEY_2,
    register::HASH_KEY_3,
    register::MULTICAST_LOW,
    register::MULTICAST_HIGH,
    register::SLOT_BYTES_LOG2,
];
// Kernels index by literals only. A test writes every register by its offset and looks at the output, so these places cannot be mixed up.

/// The registers that never change, in the order of `Registers::fixed`.
const FIXED: [Register; 4] = [
    register::MAGIC,
    register::VERSION,
    register::WIDTH,
    register::CAPABILITIES,
];

/// BAR0, for data paths of W bits.
#[derive(LogicBlock)]
pub struct Registers<const W: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// AXI4-Lite write address: offset in BAR0.
    pub s_axil_awaddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub s_axil_awprot: Signal<In, Bits<3>>,
    /// An address is there.
    pub s_axil_awvalid: Signal<In, Bit>,
    /// The address is taken at this clock edge.
    pub s_axil_awready: Signal<Out, Bit>,
    /// AXI4-Lite write data.
    pub s_axil_wdata: Signal<In, Bits<32>>,
    /// Which bytes are written.
    pub s_axil_wstrb: Signal<In, Bits<4>>,
    /// Data is there.
    pub s_axil_wvalid: Signal<In, Bit>,
    /// The data is taken at this clock edge.
    pub s_axil_wready: Signal<Out, Bit>,
    /// AXI4-Lite write answer: always OKAY.
    pub s_axil_bresp: Signal<Out, Bits<2>>,
    /// An answer is there.
    pub s_axil_bvalid: Signal<Out, Bit>,
    /// The answer is taken at this clock edge.
    pub s_axil_bready: Signal<In, Bit>,
    /// AXI4-Lite read address: offset in BAR0.
    pub s_axil_araddr: Signal<In, Bits<16>>,
    /// Not looked at.
    pub s_axil_arprot: Signal<In, Bits<3>>,
    /// An address is there.
    pub s_axil_arvalid: Signal<In, Bit>,
    /// The address is taken at this clock edge.
    pub s_axil_arready: Signal<Out, Bit>,
    /// AXI4-Lite read data.
    pub s_axil_rdata: Signal<Out, Bits<32>>,
    /// Always OKAY.
    pub s_axil_rresp: Signal<Out, Bits<2>>,
    /// Data is there.
    pub s_axil_rvalid: Signal<Out, Bit>,
    /// The data is taken at this clock edge.
    pub s_axil_rready: Signal<In, Bit>,
    /// STATUS: the tables have been cleared.
    pub ready: Signal<In, Bit>,
    /// STATUS: the link is up.
    pub link_up: Signal<In, Bit>,
    /// STATUS: a DMA error stopped the queue.
    pub stopped: Signal<In, Bit>,
    /// STATUS: something is in flight.
    pub nic_busy: Signal<In, Bit>,
    /// The counters, by their number.
    pub counter: [Signal<In, Bits<32>>; COUNTER_COUNT],
    /// CONTROL.
    pub rx_enable: Signal<Out, Bit>,
    /// CONTROL.
    pub tx_enable: Signal<Out, Bit>,
    /// CONTROL.
    pub promiscuous: Signal<Out, Bit>,
    /// CONTROL.
    pub monitor: Signal<Out, Bit>,
    /// Own MAC address.
    pub mac: Signal<Out, Bits<48>>,
    /// Own IPv4 address.
    pub local_ip: Signal<Out, Bits<32>>,
    /// Key of the flow table's hash.
    pub hash_key: Signal<Out, Bits<128>>,
    /// Multicast filter.
    pub multicast: Signal<Out, Bits<64>>,
    /// CONTROL: begin nothing new.
    pub quiesce: Signal<Out, Bit>,
    /// log2 of the bytes of a receive slot.
    pub slot_bytes_log2: Signal<Out, Bits<4>>,
    /// Address of the command ring.
    pub command_base: Signal<Out, Bits<64>>,
    /// log2 of its entries.
    pub command_log2: Signal<Out, Bits<4>>,
    /// Address of the event ring.
    pub event_base: Signal<Out, Bits<64>>,
    /// log2 of its entries.
    pub event_log2: Signal<Out, Bits<4>>,
    /// Address of the receive slots.
    pub slot_base: Signal<Out, Bits<64>>,
    /// log2 of their number.
    pub slot_log2: Signal<Out, Bits<4>>,
    /// Interrupt vector.
    pub msix_vector: Signal<Out, Bits<16>>,
    /// Shortest time between interrupts.
    pub moderation: Signal<Out, Bits<32>>,
    /// The queue runs.
    pub queue_enable: Signal<Out, Bit>,
    /// Doorbell.
    pub command_producer: Signal<Out, Bits<32>>,
    /// Doorbell.
    pub event_consumer: Signal<Out, Bits<32>>,
    /// Doorbell.
    pub slot_producer: Signal<Out, Bits<32>>,
    /// Doorbell INTERRUPT_ARM was written; one cycle.
    pub arm_write: Signal<Out, Bit>,
    /// With this value.
    pub arm_index: Signal<Out, Bits<32>>,
    /// An access is under way.
    pub busy: Signal<Out, Bit>,
    word: [DFF<Bits<32>>; 27],
    word_offset: [Constant<Bits<16>>; 27],
    word_is_readable: [Constant<Bit>; 27],
    fixed: [Constant<Bits<32>>; 4],
    fixed_offset: [Constant<Bits<16>>; 4],
    status_offset: Constant<Bits<16>>,
    counter_offset: [Constant<Bits<16>>; COUNTER_COUNT],
    /// An offset without its lowest two bits.
    word_mask: Constant<Bits<16>>,
    write_addr: DFF<Bits<16>>,
    write_addr_held: DFF<Bit>,
    write_data: DFF<Bits<32>>,
    write_strobe: DFF<Bits<4>>,
    write_data_held: DFF<Bit>,
    write_answer: DFF<Bit>,
    armed: DFF<Bit>,
    read_addr: DFF<Bits<16>>,
    read_addr_held: DFF<Bit>,
    read_data: DFF<Bits<32>>,
    read_answer: DFF<Bit>,
    write: Signal<Local, Bit>,
    written_bits: Signal<Local, Bits<32>>,
    /// The bits of each byte lane.
    lane_bits: [Constant<Bits<32>>; 4],
    control: Signal<Local, fields::Control>,
    status: Signal<Local, fields::NicStatus>,
    status_word: Signal<Local, Bits<32>>,
    slot_log2_min: Constant<Bits<32>>,
    slot_log2_max: Constant<Bits<32>>,
}

impl<const W: usize> Default for Registers<W> {
    fn default() -> Self {
        let offset = |register: Register| Constant::new(register.offset.to_bits());
        let capabilities = Capabilities {
            queues: QUEUES as u8,
            connections_log2: CONNECTIONS_LOG2 as u8,
            slot_bytes_log2_max: SLOT_BYTES_LOG2_MAX as u8,
            reserved0: 0,
        };
        let fixed = [
            MAGIC_VALUE,
            LAYOUT_VERSION,
            W as u32,
            u32::from_le_bytes(capabilities.encode()),
        ];
        Self {
            clk: Default::default(),
            rst: Default::default(),
            s_axil_awaddr: Default::default(),
            s_axil_awprot: Default::default(),
            s_axil_awvalid: Default::default(),
            s_axil_awready: Default::default(),
            s_axil_wdata: Default::default(),
            s_axil_wstrb: Default::default(),
            s_axil_wvalid: Default::default(),
            s_axil_wready: Default::default(),
            s_axil_bresp: Default::default(),
            s_axil_bvalid: Default::default(),
            s_axil_bready: Default::default(),
            s_axil_araddr: Default::default(),
            s_axil_arprot: Default::default(),
            s_axil_arvalid: Default::default(),
            s_axil_arready: Default::default(),
            s_axil_rdata: Default::default(),
            s_axil_rresp: Default::default(),
            s_axil_rvalid: Default::default(),
            s_axil_rready: Default::default(),
            ready: Default::default(),
            link_up: Default::default(),
            stopped: Default::default(),
            nic_busy: Default::default(),
            counter: Default::default(),
            rx_enable: Default::default(),
            tx_enable: Default::default(),
            promiscuous: Default::default(),
            monitor: Default::default(),
            mac: Default::default(),
            local_ip: Default::default(),
            hash_key: Default::default(),
            multicast: Default::default(),
            quiesce: Default::default(),
            slot_bytes_log2: Default::default(),
            command_base: Default::default(),
            command_log2: Default::default(),
            event_base: Default::default(),
            event_log2: Default::default(),
            slot_base: Default::default(),
            slot_log2: Default::default(),
            msix_vector: Default::default(),
            moderation: Default::default(),
            queue_enable: Default::default(),
            command_producer: Default::default(),
            event_consumer: Default::default(),
            slot_producer: Default::default(),
            arm_write: Default::default(),
            arm_index: Default::default(),
            busy: Default::default(),
            word: Default::default(),
            word_offset: WORDS.map(offset),
            word_is_readable: WORDS
                .map(|register| Constant::new(register.access == Access::ReadWrite)),
            fixed: fixed.map(|value| Constant::new(value.to_bits())),
            fixed_offset: FIXED.map(offset),
            status_offset: offset(register::STATUS),
            counter_offset: array::from_fn(|n| {
                Constant::new((COUNTER_BASE as usize + 4 * n).to_bits())
            }),
            word_mask: Constant::new((0xfffc_u32).to_bits()),
            write_addr: Default::default(),
            write_addr_held: Default::default(),
            write_data: Default::default(),
            write_strobe: Default::default(),
            write_data_held: Default::default(),
            write_answer: Default::default(),
            armed: Default::default(),
            read_addr: Default::default(),
            read_addr_held: Default::default(),
            read_data: Default::default(),
            read_answer: Default::default(),
            write: Default::default(),
            written_bits: Default::default(),
            lane_bits: array::from_fn(|lane| Constant::new((0xff_u32 << (8 * lane)).to_bits())),
            control: Default::default(),
            status: Default::default(),
            status_word: Default::default(),
            slot_log2_min: Constant::new(SLOT_BYTES_LOG2_DEFAULT.to_bits()),
            slot_log2_max: Constant::new(SLOT_BYTES_LOG2_MAX.to_bits()),
        }
    }
}

impl<const W: usize> Logic for Registers<W> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            write_addr,
            write_addr_held,
            write_data,
            write_strobe
        );
        dff_setup!(self, clk, write_data_held, write_answer, armed);
        dff_setup!(self, clk, read_addr, read_addr_held, read_data, read_answer);
        for i in 0..27 {
            self.word[i].clock.next = self.clk.val();
            self.word[i].d.next = self.word[i].q.val();
        }

        // Writes: address and data are kept until both are there.
        self.s_axil_awready.next = !self.write_addr_held.q.val();
        self.s_axil_wready.next = !self.write_data_held.q.val();
        self.s_axil_bresp.next = 0.into();
        self.s_axil_bvalid.next = self.write_answer.q.val();
        if self.s_axil_awvalid.val() & !self.write_addr_held.q.val() {
            self.write_addr.d.next = self.s_axil_awaddr.val() & self.word_mask.val();
            self.write_addr_held.d.next = true;
        }
        if self.s_axil_wvalid.val() & !self.write_data_held.q.val() {
            self.write_data.d.next = self.s_axil_wdata.val();
            self.write_strobe.d.next = self.s_axil_wstrb.val();
            self.write_data_held.d.next = true;
        }
        if self.s_axil_bready.val() {
            self.write_answer.d.next = false;
        }
        self.written_bits.next = 0.into();
        for i in 0..4 {
            if self.write_strobe.q.val().get_bit(i) {
                self.written_bits.next = self.written_bits.val() | self.lane_bits[i].val();
            }
        }
        self.write.next = self.write_addr_held.q.val()
            & self.write_data_held.q.val()
            & (self.s_axil_bready.val() | !self.write_answer.q.val());
        self.armed.d.next = false;
        if self.write.val() {
            self.write_addr_held.d.next = false;
            self.write_data_held.d.next = false;
            self.write_answer.d.next = true;
            for i in 0..27 {
                if self.write_addr.q.val() == self.word_offset[i].val() {
                    self.word[i].d.next = (self.word[i].q.val() & !self.written_bits.val())
                        | (self.write_data.q.val() & self.written_bits.val());
                }
            }
            self.armed.d.next = self.write_addr.q.val() == self.word_offset[20].val();
            // QUEUE_ENABLE rises: the doorbells start at 0, as the queue's own indices do.
            if (self.write_addr.q.val() == self.word_offset[16].val())
                & self.write_strobe.q.val().get_bit(0)
                & self.write_data.q.val().get_bit(0)
                & !self.word[16].q.val().get_bit(0)
            {
                self.word[17].d.next = 0.into();
                self.word[18].d.next = 0.into();
                self.word[19].d.next = 0.into();
            }
        }

        // Configuration and doorbells.
        self.control.next = self.word[0].q.val().into();
        self.rx_enable.next = self.control.val().rx_enable;
        self.tx_enable.next = self.control.val().tx_enable;
        self.promiscuous.next = self.control.val().promiscuous;
        self.monitor.next = self.control.val().monitor;
        self.quiesce.next = self.control.val().quiesce;
        self.mac.next = bit_cast::<48, 32>(self.word[1].q.val())
            | (bit_cast::<48, 32>(self.word[2].q.val()) << 32);
        self.local_ip.next = self.word[3].q.val();
        self.hash_key.next = (bit_cast::<128, 32>(self.word[4].q.val()) << 96)
            | (bit_cast::<128, 32>(self.word[21].q.val()) << 64)
            | (bit_cast::<128, 32>(self.word[22].q.val()) << 32)
            | bit_cast::<128, 32>(self.word[23].q.val());
        self.multicast.next = bit_cast::<64, 32>(self.word[24].q.val())
            | (bit_cast::<64, 32>(self.word[25].q.val()) << 32);
        // What is out of range counts as the default.
        self.slot_bytes_log2.next = bit_cast::<4, 32>(self.word[26].q.val());
        if (self.word[26].q.val() < self.slot_log2_min.val())
            | (self.word[26].q.val() > self.slot_log2_max.val())
        {
            self.slot_bytes_log2.next = bit_cast::<4, 32>(self.slot_log2_min.val());
        }
        self.command_base.next = bit_cast::<64, 32>(self.word[5].q.val())
            | (bit_cast::<64, 32>(self.word[6].q.val()) << 32);
        self.command_log2.next = bit_cast::<4, 32>(self.word[7].q.val());
        self.event_base.next = bit_cast::<64, 32>(self.word[8].q.val())
            | (bit_cast::<64, 32>(self.word[9].q.val()) << 32);
        self.event_log2.next = bit_cast::<4, 32>(self.word[10].q.val());
        self.slot_base.next = bit_cast::<64, 32>(self.word[11].q.val())
            | (bit_cast::<64, 32>(self.word[12].q.val()) << 32);
        self.slot_log2.next = bit_cast::<4, 32>(self.word[13].q.val());
        self.msix_vector.next = bit_cast::<16, 32>(self.word[14].q.val());
        self.moderation.next = self.word[15].q.val();
        self.queue_enable.next = self.word[16].q.val().get_bit(0);
        self.command_producer.next = self.word[17].q.val();
        self.event_consumer.next = self.word[18].q.val();
        self.slot_producer.next = self.word[19].q.val();
        self.arm_index.next = self.word[20].q.val();
        self.arm_write.next = self.armed.q.val();

        // Reads: the register is chosen in the one cycle in which its address is held, and not in every cycle of an idle NIC.
        self.status.next = bits::<32>(0).into();
        self.status.next.ready = self.ready.val();
        self.status.next.link_up = self.link_up.val();
        self.status.next.stopped = self.stopped.val();
        self.status.next.busy = self.nic_busy.val();
        self.status.next.quiesced = self.control.val().quiesce & !self.nic_busy.val();
        self.status_word.next = self.status.val().into();
        self.s_axil_arready.next = !self.read_addr_held.q.val() & !self.read_answer.q.val();
        self.s_axil_rdata.next = self.read_data.q.val();
        self.s_axil_rresp.next = 0.into();
        self.s_axil_rvalid.next = self.read_answer.q.val();
        if self.s_axil_arvalid.val() & self.s_axil_arready.val() {
            self.read_addr.d.next = self.s_axil_araddr.val() & self.word_mask.val();
            self.read_addr_held.d.next = true;
        }
        if self.s_axil_rready.val() {
            self.read_answer.d.next = false;
        }
        if self.read_addr_held.q.val() {
            self.read_addr_held.d.next = false;
            self.read_answer.d.next = true;
            self.read_data.d.next = 0.into();
            for i in 0..27 {
                if self.word_is_readable[i].val()
                    & (self.read_addr.q.val() == self.word_offset[i].val())
                {
                    self.read_data.d.next = self.word[i].q.val();
                }
            }
            for i in 0..4 {
                if self.read_addr.q.val() == self.fixed_offset[i].val() {
                    self.read_data.d.next = self.fixed[i].val();
                }
            }
            if self.read_addr.q.val() == self.status_offset.val() {
                self.read_data.d.next = self.status_word.val();
            }
            for i in 0..30 {
                if self.read_addr.q.val() == self.counter_offset[i].val() {
                    self.read_data.d.next = self.counter[i].val();
                }
            }
        }
        self.busy.next = self.write_addr_held.q.val()
            | self.write_data_held.q.val()
            | self.write_answer.q.val()
            | self.armed.q.val()
            | self.read_addr_held.q.val()
            | self.read_answer.q.val();

        if self.rst.val() {
            for i in 0..27 {
                self.word[i].d.next = 0.into();
            }
            self.write_addr_held.d.next = false;
            self.write_data_held.d.next = false;
            self.write_answer.d.next = false;
            self.armed.d.next = false;
            self.read_addr_held.d.next = false;
            self.read_answer.d.next = false;
        }
    }
}
