//! Picks the words that the checksums sum out of each beat, at W = 512.
//!
//! ```text
//!          ┌──────┐           ┌─ within the IPv4 header ──────────────────────────> ip_words
//!  beat ──>│ beat │──> words ─┤
//!          └──────┘           └─ addresses, length, segment, a constant by ihl ──> tcp_words
//! ```
//!
//! What is summed, and why: see [`NarrowCover`](crate::rx::narrow_cover). The first beat has every number that is needed, so its words are told apart by their place behind the Ethernet header;
//! those of the following beats by what is left.
//!
//! Latency: 2 cycles. Throughput: one beat a cycle. One clock; reset forgets the place in the frame. The words mean something only if the
//! frame holds headers and packet whole; the parser finds out whether it does.

use crate::rx::packet_rest::PacketRest;
use handclasp_layout::header::{ETHERTYPE_VLAN, PROTOCOL_TCP};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The block that picks; W is 512.
#[block]
pub struct WideCover<const W: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Synchronous reset.
    pub rst: Signal<In, Bit>,
    /// A beat of the frame, as on the stream.
    pub beat_data: Signal<In, Bits<W>>,
    /// There is a beat.
    pub beat_valid: Signal<In, Bit>,
    /// It is the frame's last.
    pub beat_last: Signal<In, Bit>,
    /// Words for the sum of the IPv4 header, 0 where there is none; the beat's first word least significant.
    pub ip_words: Signal<Out, Bits<W>>,
    /// Words for the TCP sum.
    pub tcp_words: Signal<Out, Bits<W>>,
    /// There are words.
    pub words_valid: Signal<Out, Bit>,
    /// They are the frame's last.
    pub words_last: Signal<Out, Bit>,
    /// A beat is under way.
    pub busy: Signal<Out, Bit>,
    rest: PacketRest<64, 6>,
    /// The next beat is a frame's first.
    in_frame: DFF<Bit>,
    data: DFF<Bits<512>>,
    data_valid: DFF<Bit>,
    data_last: DFF<Bit>,
    data_first: DFF<Bit>,
    is_tagged: DFF<Bit>,
    /// What the first beat's IPv4 header says.
    ihl_words: DFF<Bits<4>>,
    total_len_bytes: DFF<Bits<16>>,
    /// Words of the IPv4 header in this beat, if it is not the first.
    ip_left: DFF<Bits<6>>,
    ip_register: DFF<Bits<W>>,
    tcp_register: DFF<Bits<W>>,
    valid: DFF<Bit>,
    last: DFF<Bit>,
    beat: Signal<Local, Bits<512>>,
    is_tagged_now: Signal<Local, Bit>,
    /// Words behind the Ethernet header: which are in the IPv4 header, and which bytes are in the packet.
    header_mask: Signal<Local, Bits<32>>,
    first_mask: Signal<Local, Bits<32>>,
    second_mask: Signal<Local, Bits<32>>,
    /// Words of the beat: which are in the IPv4 header, and which bytes are in the TCP sum.
    ip_mask: Signal<Local, Bits<32>>,
    tcp_first_mask: Signal<Local, Bits<32>>,
    tcp_second_mask: Signal<Local, Bits<32>>,
    first_byte: Signal<Local, Bits<8>>,
    second_byte: Signal<Local, Bits<8>>,
    ip_word: Signal<Local, Bits<16>>,
    tcp_word: Signal<Local, Bits<16>>,
    ip_beat: Signal<Local, Bits<512>>,
    tcp_beat: Signal<Local, Bits<512>>,
    length_word: Signal<Local, Bits<16>>,
}

#[kernel]
impl<const W: usize> Logic for WideCover<W> {
    fn update(&mut self) {
        // Total length and addresses, as words of IPv4.
        let pseudo_words: Bits<32> = 0b11_1100_0010_u64;
        // The protocol in ones' complement arithmetic, from which something is taken away: 0xffff more, in 16 bits.
        let protocol_word: Bits<16> = PROTOCOL_TCP as u64 - 1;
        let ethertype_vlan: Bits<16> = ETHERTYPE_VLAN;

        // First cycle: keep the beat, and see whether the frame is tagged, and how long header and packet are.
        self.beat.next = bit_cast::<512, W>(self.beat_data.val());
        self.is_tagged_now.next = ((bit_cast::<16, 8>(self.beat.val().get_bits::<8>(96)) << 8)
            | bit_cast::<16, 8>(self.beat.val().get_bits::<8>(104)))
            == ethertype_vlan;
        self.data_valid.d.next = self.beat_valid.val();
        if self.beat_valid.val() {
            self.data.d.next = self.beat.val();
            self.data_last.d.next = self.beat_last.val();
            self.data_first.d.next = !self.in_frame.q.val();
            self.in_frame.d.next = !self.beat_last.val();
            self.is_tagged.d.next = self.is_tagged_now.val();
            self.ihl_words.d.next = self.beat.val().get_bits::<4>(112);
            self.total_len_bytes.d.next = (bit_cast::<16, 8>(self.beat.val().get_bits::<8>(128))
                << 8)
                | bit_cast::<16, 8>(self.beat.val().get_bits::<8>(136));
            if self.is_tagged_now.val() {
                self.ihl_words.d.next = self.beat.val().get_bits::<4>(144);
                self.total_len_bytes.d.next =
                    (bit_cast::<16, 8>(self.beat.val().get_bits::<8>(160)) << 8)
                        | bit_cast::<16, 8>(self.beat.val().get_bits::<8>(168));
            }
        }

        // Second cycle. Of the first beat: which words are in the header, which bytes in the packet, counted from where IPv4 begins.
        self.header_mask.next = 0.into();
        self.first_mask.next = 0.into();
        self.second_mask.next = 0.into();
        for i in 0_usize..25 {
            self.header_mask.next = self.header_mask.val().replace_bit(
                i,
                (bit_cast::<6, 4>(self.ihl_words.q.val()) << 1) > i.to_bits(),
            );
            self.first_mask.next = self
                .first_mask
                .val()
                .replace_bit(i, self.total_len_bytes.q.val() > (2 * i).to_bits());
            self.second_mask.next = self
                .second_mask
                .val()
                .replace_bit(i, self.total_len_bytes.q.val() > (2 * i + 1).to_bits());
        }
        self.ip_mask.next = self.header_mask.val() << 7;
        self.tcp_first_mask.next =
            ((self.first_mask.val() & !self.header_mask.val()) | pseudo_words) << 7;
        self.tcp_second_mask.next =
            ((self.second_mask.val() & !self.header_mask.val()) | pseudo_words) << 7;
        if self.is_tagged.q.val() {
            self.ip_mask.next = self.header_mask.val() << 9;
            self.tcp_first_mask.next =
                ((self.first_mask.val() & !self.header_mask.val()) | pseudo_words) << 9;
            self.tcp_second_mask.next =
                ((self.second_mask.val() & !self.header_mask.val()) | pseudo_words) << 9;
        }
        self.length_word.next = protocol_word - (bit_cast::<16, 4>(self.ihl_words.q.val()) << 2);
        if !self.data_first.q.val() {
            self.length_word.next = 0.into();
            self.ip_mask.next = 0.into();
            for i in 0_usize..32 {
                self.ip_mask.next = self
                    .ip_mask
                    .val()
                    .replace_bit(i, self.ip_left.q.val() > i.to_bits());
                self.tcp_first_mask.next = self.tcp_first_mask.val().replace_bit(
                    i,
                    self.rest.covers.val().get_bit(2 * i) & !self.ip_mask.val().get_bit(i),
                );
                self.tcp_second_mask.next = self.tcp_second_mask.val().replace_bit(
                    i,
                    self.rest.covers.val().get_bit(2 * i + 1) & !self.ip_mask.val().get_bit(i),
                );
            }
        }

        // The first word enters first, and ends up least significant.
        self.ip_beat.next = 0.into();
        self.tcp_beat.next = 0.into();
        for i in 0_usize..32 {
            self.first_byte.next = self.data.q.val().get_bits::<8>(16 * i);
            self.second_byte.next = self.data.q.val().get_bits::<8>(16 * i + 8);
            self.ip_word.next = 0.into();
            if self.ip_mask.val().get_bit(i) {
                self.ip_word.next = (bit_cast::<16, 8>(self.first_byte.val()) << 8)
                    | bit_cast::<16, 8>(self.second_byte.val());
            }
            self.tcp_word.next = 0.into();
            if self.tcp_second_mask.val().get_bit(i) {
                self.tcp_word.next = (bit_cast::<16, 8>(self.first_byte.val()) << 8)
                    | bit_cast::<16, 8>(self.second_byte.val());
            } else if self.tcp_first_mask.val().get_bit(i) {
                self.tcp_word.next = bit_cast::<16, 8>(self.first_byte.val()) << 8;
            }
            self.ip_beat.next =
                (self.ip_beat.val() >> 16) | (bit_cast::<512, 16>(self.ip_word.val()) << 496);
            self.tcp_beat.next =
                (self.tcp_beat.val() >> 16) | (bit_cast::<512, 16>(self.tcp_word.val()) << 496);
        }
        self.rest.load.next = self.data_valid.q.val() & self.data_first.q.val();
        self.rest.load_none.next = self.total_len_bytes.q.val() <= 50;
        self.rest.load_bytes.next = self.total_len_bytes.q.val() - 50;
        self.rest.step.next = self.data_valid.q.val() & !self.data_first.q.val();
        if self.is_tagged.q.val() {
            self.rest.load_none.next = self.total_len_bytes.q.val() <= 46;
            self.rest.load_bytes.next = self.total_len_bytes.q.val() - 46;
        }
        self.valid.d.next = self.data_valid.q.val();
        if self.data_valid.q.val() {
            self.ip_register.d.next = bit_cast::<W, 512>(self.ip_beat.val());
            // Word 0 is in no sum.
            self.tcp_register.d.next = bit_cast::<W, 512>(
                self.tcp_beat.val() | bit_cast::<512, 16>(self.length_word.val()),
            );
            self.last.d.next = self.data_last.q.val();
            self.ip_left.d.next = 0.into();
            if self.data_first.q.val() {
                if !self.is_tagged.q.val() & (self.ihl_words.q.val() > 12) {
                    self.ip_left.d.next = (bit_cast::<6, 4>(self.ihl_words.q.val()) << 1) - 25;
                }
                if self.is_tagged.q.val() & (self.ihl_words.q.val() > 11) {
                    self.ip_left.d.next = (bit_cast::<6, 4>(self.ihl_words.q.val()) << 1) - 23;
                }
            }
        }

        self.ip_words.next = self.ip_register.q.val();
        self.tcp_words.next = self.tcp_register.q.val();
        self.words_valid.next = self.valid.q.val();
        self.words_last.next = self.last.q.val();
        self.busy.next = self.data_valid.q.val() | self.valid.q.val();

        if self.rst.val() {
            self.in_frame.d.next = false;
            self.data_valid.d.next = false;
            self.valid.d.next = false;
        }
    }
}
