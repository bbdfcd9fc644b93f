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
//! Latency: write 2 cycles from the address, and 1 from the data, to the new value, 1 more to `bvalid`; read 3 cycles from `arvalid` to `rvalid`. Throughput: one write in
//! 3 cycles and one read in 4. One clock; reset takes everything to 0. A QUEUE_ENABLE that rises zeroes the doorbells. No errors, no counters of its own.

use super::axi_lite::AxiLiteSlave;
use super::counters::COUNTER_COUNT;
use crate::fields;
use handclasp_layout::register::{
    self, Access, Capabilities, Register, CONNECTIONS_LOG2, COUNTER_BASE, LAYOUT_VERSION,
    MAGIC_VALUE, QUEUES, QUEUE_BASE, SLOT_BYTES_LOG2_DEFAULT, SLOT_BYTES_LOG2_MAX,
};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

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

/// log2 of the bytes of a group of registers: an offset is a group's number, and a place in it.
const GROUP_LOG2: u32 = 8;

/// A register's place in its group.
const fn place(register: &Register) -> u32 {
    register.offset % (1 << GROUP_LOG2) / 4
}

/// Values of `FIXED`, for data paths of `width` bits.
fn fixed_values(width: usize) -> [u32; 4] {
    let capabilities = Capabilities {
        queues: QUEUES as u8,
        connections_log2: CONNECTIONS_LOG2 as u8,
        slot_bytes_log2_max: SLOT_BYTES_LOG2_MAX as u8,
        reserved0: 0,
    };
    let capabilities = u32::from_le_bytes(capabilities.encode());
    [MAGIC_VALUE, LAYOUT_VERSION, width as u32, capabilities]
}

/// BAR0, for data paths of W bits.
#[block]
pub struct Registers<const W: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// AXI4-Lite port of BAR0.
    pub s_axil: AxiLiteSlave,
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
    /// A command has been pushed: COMMAND_PRODUCER rises by one.
    pub command_push: Signal<In, Bit>,
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
    /// The registers' bytes, the lowest first: each has a strobe, which becomes the flip-flops' clock enable.
    byte_0: [DFF<Bits<8>>; 27],
    byte_1: [DFF<Bits<8>>; 27],
    byte_2: [DFF<Bits<8>>; 27],
    byte_3: [DFF<Bits<8>>; 27],
    lane_0: Signal<Local, Bits<8>>,
    lane_1: Signal<Local, Bits<8>>,
    lane_2: Signal<Local, Bits<8>>,
    lane_3: Signal<Local, Bits<8>>,
    word: [Signal<Local, Bits<32>>; 27],
    #[value(WORDS.map(|register| register.offset.to_bits()))]
    word_offset: [Constant<Bits<16>>; 27],
    #[value(WORDS.map(|register| place(&register).to_bits()))]
    word_place: [Constant<Bits<6>>; 27],
    #[value(WORDS.map(|register| register.access == Access::ReadWrite && register.offset < COUNTER_BASE))]
    word_is_control: [Constant<Bit>; 27],
    #[value(WORDS.map(|register| register.access == Access::ReadWrite && register.offset >= QUEUE_BASE))]
    word_is_queue: [Constant<Bit>; 27],
    #[value(fixed_values(W).map(|value| value.to_bits()))]
    fixed: [Constant<Bits<32>>; 4],
    #[value(FIXED.map(|register| place(&register).to_bits()))]
    fixed_place: [Constant<Bits<6>>; 4],
    write_addr: DFF<Bits<16>>,
    write_addr_held: DFF<Bit>,
    write_data: DFF<Bits<32>>,
    write_strobe: DFF<Bits<4>>,
    write_data_held: DFF<Bit>,
    /// The register that the held address names.
    write_hit: DFF<Bits<27>>,
    /// It has been looked for.
    write_decoded: DFF<Bit>,
    write_answer: DFF<Bit>,
    armed: DFF<Bit>,
    read_addr: DFF<Bits<16>>,
    read_addr_held: DFF<Bit>,
    /// The candidates of each group of registers are there.
    read_chosen: DFF<Bit>,
    read_control: DFF<Bits<32>>,
    read_counter: DFF<Bits<32>>,
    read_queue: DFF<Bits<32>>,
    read_data: DFF<Bits<32>>,
    read_answer: DFF<Bit>,
    write: Signal<Local, Bit>,
    incremented: Signal<Local, Bits<32>>,
    hit: Signal<Local, Bits<27>>,
    read_place: Signal<Local, Bits<6>>,
    read_group: Signal<Local, Bits<8>>,
    /// The register if it is the one to read, else 0.
    chosen: Signal<Local, Bits<32>>,
    control_word: Signal<Local, Bits<32>>,
    counter_word: Signal<Local, Bits<32>>,
    queue_word: Signal<Local, Bits<32>>,
    control: Signal<Local, fields::Control>,
    status: Signal<Local, fields::NicStatus>,
    status_word: Signal<Local, Bits<32>>,
}

#[kernel]
impl<const W: usize> Logic for Registers<W> {
    fn update(&mut self) {
        let status_place: Bits<6> = place(&register::STATUS);
        let control_group: Bits<8> = register::CONTROL.offset >> GROUP_LOG2;
        let counter_group: Bits<8> = COUNTER_BASE >> GROUP_LOG2;
        let queue_group: Bits<8> = QUEUE_BASE >> GROUP_LOG2;
        let zero: Bits<8> = 0;
        let slot_log2_min: Bits<32> = SLOT_BYTES_LOG2_DEFAULT;
        let slot_log2_max: Bits<32> = SLOT_BYTES_LOG2_MAX;
        // An offset without its lowest two bits.
        let word_mask: Bits<16> = 0xfffc_u32;

        // Writes: address and data are kept until both are there.
        self.s_axil.awready.next = !self.write_addr_held.q.val();
        self.s_axil.wready.next = !self.write_data_held.q.val();
        self.s_axil.bresp.next = 0.into();
        self.s_axil.bvalid.next = self.write_answer.q.val();
        if self.s_axil.awvalid.val() & !self.write_addr_held.q.val() {
            self.write_addr.d.next = self.s_axil.awaddr.val() & word_mask;
            self.write_addr_held.d.next = true;
        }
        if self.s_axil.wvalid.val() & !self.write_data_held.q.val() {
            self.write_data.d.next = self.s_axil.wdata.val();
            self.write_strobe.d.next = self.s_axil.wstrb.val();
            self.write_data_held.d.next = true;
        }
        if self.s_axil.bready.val() {
            self.write_answer.d.next = false;
        }
        self.hit.next = 0.into();
        for i in 0..27 {
            self.hit.next = self
                .hit
                .val()
                .replace_bit(i, self.write_addr.q.val() == self.word_offset[i].val());
        }
        self.write_hit.d.next = self.hit.val();
        self.write_decoded.d.next = self.write_addr_held.q.val();
        self.write.next = self.write_decoded.q.val()
            & self.write_addr_held.q.val()
            & self.write_data_held.q.val()
            & (self.s_axil.bready.val() | !self.write_answer.q.val());
        self.armed.d.next = false;
        // A push rings the doorbell; a write in the same cycle, being absolute, counts instead.
        self.incremented.next = self.word[17].val() + 1;
        if self.command_push.val() {
            self.byte_0[17].d.next = self.incremented.val().get_bits::<8>(0);
            self.byte_1[17].d.next = self.incremented.val().get_bits::<8>(8);
            self.byte_2[17].d.next = self.incremented.val().get_bits::<8>(16);
            self.byte_3[17].d.next = self.incremented.val().get_bits::<8>(24);
        }
        if self.write.val() {
            self.write_addr_held.d.next = false;
            self.write_decoded.d.next = false;
            self.write_data_held.d.next = false;
            self.write_answer.d.next = true;
            for i in 0..27 {
                if self.write_hit.q.val().get_bit(i) {
                    if self.write_strobe.q.val().get_bit(0) {
                        self.byte_0[i].d.next = self.write_data.q.val().get_bits::<8>(0);
                    }
                    if self.write_strobe.q.val().get_bit(1) {
                        self.byte_1[i].d.next = self.write_data.q.val().get_bits::<8>(8);
                    }
                    if self.write_strobe.q.val().get_bit(2) {
                        self.byte_2[i].d.next = self.write_data.q.val().get_bits::<8>(16);
                    }
                    if self.write_strobe.q.val().get_bit(3) {
                        self.byte_3[i].d.next = self.write_data.q.val().get_bits::<8>(24);
                    }
                }
            }
            self.armed.d.next = self.write_hit.q.val().get_bit(20);
            // QUEUE_ENABLE rises: the doorbells start at 0, as the queue's own indices do.
            if self.write_hit.q.val().get_bit(16)
                & self.write_strobe.q.val().get_bit(0)
                & self.write_data.q.val().get_bit(0)
                & !self.word[16].val().get_bit(0)
            {
                for i in 17..20 {
                    self.byte_0[i].d.next = zero;
                    self.byte_1[i].d.next = zero;
                    self.byte_2[i].d.next = zero;
                    self.byte_3[i].d.next = zero;
                }
            }
        }

        // Configuration and doorbells.
        for i in 0..27 {
            self.lane_0.next = self.byte_0[i].q.val();
            self.lane_1.next = self.byte_1[i].q.val();
            self.lane_2.next = self.byte_2[i].q.val();
            self.lane_3.next = self.byte_3[i].q.val();
            self.word[i].next = bit_cast::<32, 8>(self.lane_0.val())
                | (bit_cast::<32, 8>(self.lane_1.val()) << 8)
                | (bit_cast::<32, 8>(self.lane_2.val()) << 16)
                | (bit_cast::<32, 8>(self.lane_3.val()) << 24);
        }
        self.control.next = self.word[0].val().into();
        self.rx_enable.next = self.control.val().rx_enable;
        self.tx_enable.next = self.control.val().tx_enable;
        self.promiscuous.next = self.control.val().promiscuous;
        self.monitor.next = self.control.val().monitor;
        self.quiesce.next = self.control.val().quiesce;
        self.mac.next =
            bit_cast::<48, 32>(self.word[1].val()) | (bit_cast::<48, 32>(self.word[2].val()) << 32);
        self.local_ip.next = self.word[3].val();
        self.hash_key.next = (bit_cast::<128, 32>(self.word[4].val()) << 96)
            | (bit_cast::<128, 32>(self.word[21].val()) << 64)
            | (bit_cast::<128, 32>(self.word[22].val()) << 32)
            | bit_cast::<128, 32>(self.word[23].val());
        self.multicast.next = bit_cast::<64, 32>(self.word[24].val())
            | (bit_cast::<64, 32>(self.word[25].val()) << 32);
        // What is out of range counts as the default.
        self.slot_bytes_log2.next = bit_cast::<4, 32>(self.word[26].val());
        if (self.word[26].val() < slot_log2_min) | (self.word[26].val() > slot_log2_max) {
            self.slot_bytes_log2.next = bit_cast::<4, 32>(slot_log2_min);
        }
        self.command_base.next =
            bit_cast::<64, 32>(self.word[5].val()) | (bit_cast::<64, 32>(self.word[6].val()) << 32);
        self.command_log2.next = bit_cast::<4, 32>(self.word[7].val());
        self.event_base.next =
            bit_cast::<64, 32>(self.word[8].val()) | (bit_cast::<64, 32>(self.word[9].val()) << 32);
        self.event_log2.next = bit_cast::<4, 32>(self.word[10].val());
        self.slot_base.next = bit_cast::<64, 32>(self.word[11].val())
            | (bit_cast::<64, 32>(self.word[12].val()) << 32);
        self.slot_log2.next = bit_cast::<4, 32>(self.word[13].val());
        self.msix_vector.next = bit_cast::<16, 32>(self.word[14].val());
        self.moderation.next = self.word[15].val();
        self.queue_enable.next = self.word[16].val().get_bit(0);
        self.command_producer.next = self.word[17].val();
        self.event_consumer.next = self.word[18].val();
        self.slot_producer.next = self.word[19].val();
        self.arm_index.next = self.word[20].val();
        self.arm_write.next = self.armed.q.val();

        // Reads: first the candidate of each group of registers, then the group.
        self.status.next = bits::<32>(0).into();
        self.status.next.ready = self.ready.val();
        self.status.next.link_up = self.link_up.val();
        self.status.next.stopped = self.stopped.val();
        self.status.next.busy = self.nic_busy.val();
        self.status.next.quiesced = self.control.val().quiesce & !self.nic_busy.val();
        self.status_word.next = self.status.val().into();
        self.s_axil.arready.next =
            !self.read_addr_held.q.val() & !self.read_chosen.q.val() & !self.read_answer.q.val();
        self.s_axil.rdata.next = self.read_data.q.val();
        self.s_axil.rresp.next = 0.into();
        self.s_axil.rvalid.next = self.read_answer.q.val();
        if self.s_axil.arvalid.val() & self.s_axil.arready.val() {
            self.read_addr.d.next = self.s_axil.araddr.val() & word_mask;
            self.read_addr_held.d.next = true;
        }
        if self.s_axil.rready.val() {
            self.read_answer.d.next = false;
        }
        self.read_place.next = self.read_addr.q.val().get_bits::<6>(2);
        self.control_word.next = 0.into();
        self.queue_word.next = 0.into();
        for i in 0..27 {
            self.chosen.next = 0.into();
            if self.read_place.val() == self.word_place[i].val() {
                self.chosen.next = self.word[i].val();
            }
            if self.word_is_control[i].val() {
                self.control_word.next = self.control_word.val() | self.chosen.val();
            }
            if self.word_is_queue[i].val() {
                self.queue_word.next = self.queue_word.val() | self.chosen.val();
            }
        }
        for i in 0..4 {
            self.chosen.next = 0.into();
            if self.read_place.val() == self.fixed_place[i].val() {
                self.chosen.next = self.fixed[i].val();
            }
            self.control_word.next = self.control_word.val() | self.chosen.val();
        }
        self.chosen.next = 0.into();
        if self.read_place.val() == status_place {
            self.chosen.next = self.status_word.val();
        }
        self.control_word.next = self.control_word.val() | self.chosen.val();
        self.counter_word.next = 0.into();
        for i in 0..30 {
            self.chosen.next = 0.into();
            if self.read_place.val() == i.to_bits() {
                self.chosen.next = self.counter[i].val();
            }
            self.counter_word.next = self.counter_word.val() | self.chosen.val();
        }
        if self.read_addr_held.q.val() {
            self.read_addr_held.d.next = false;
            self.read_chosen.d.next = true;
            self.read_control.d.next = self.control_word.val();
            self.read_counter.d.next = self.counter_word.val();
            self.read_queue.d.next = self.queue_word.val();
        }
        self.read_group.next = self.read_addr.q.val().get_bits::<8>(8);
        if self.read_chosen.q.val() {
            self.read_chosen.d.next = false;
            self.read_answer.d.next = true;
            self.read_data.d.next = 0.into();
            if self.read_group.val() == control_group {
                self.read_data.d.next = self.read_control.q.val();
            }
            if self.read_group.val() == counter_group {
                self.read_data.d.next = self.read_counter.q.val();
            }
            if self.read_group.val() == queue_group {
                self.read_data.d.next = self.read_queue.q.val();
            }
        }
        self.busy.next = self.write_addr_held.q.val()
            | self.write_data_held.q.val()
            | self.write_answer.q.val()
            | self.armed.q.val()
            | self.read_addr_held.q.val()
            | self.read_chosen.q.val()
            | self.read_answer.q.val();

        if self.rst.val() {
            for i in 0..27 {
                self.byte_0[i].d.next = zero;
                self.byte_1[i].d.next = zero;
                self.byte_2[i].d.next = zero;
                self.byte_3[i].d.next = zero;
            }
            self.write_decoded.d.next = false;
            self.read_chosen.d.next = false;
            self.write_addr_held.d.next = false;
            self.write_data_held.d.next = false;
            self.write_answer.d.next = false;
            self.armed.d.next = false;
            self.read_addr_held.d.next = false;
            self.read_answer.d.next = false;
        }
    }
}
