//! Picks the words that the checksums sum out of each beat, at W = 64.
//!
//! ```text
//!  beat ──> words ──┬─ within the IPv4 header ────────────────────────────────> ip_words
//!                   └─ addresses, length, segment, and a constant by ihl ─────> tcp_words
//! ```
//!
//! Headers begin at even bytes, so each 16-bit word of a beat is a word of the sum (RFC 1071). The TCP sum has a pseudo-header of addresses, protocol
//! and segment length (RFC 9293 3.1): addresses and total length are taken as they pass, and in place of a word that is not summed stands protocol - 4 ihl, so that their sum is
//! right. A segment of odd length is followed by a zero; bytes behind the packet are not summed.
//!
//! Latency: 1 cycle. Throughput: one beat a cycle. One clock; reset forgets the place in the frame. The words mean something only if the
//! frame holds headers and packet whole; the parser finds out whether it does.

use crate::rx::packet_rest::PacketRest;
use handclasp_layout::header::{ETHERTYPE_VLAN, PROTOCOL_TCP};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// The block that picks; W is 64.
#[block]
pub struct NarrowCover<const W: usize> {
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
    /// With the fourth beat: the first word of the IPv4 header.
    pub ip_word0: Signal<In, Bits<32>>,
    /// From the third beat on: the frame is tagged.
    pub is_tagged: Signal<In, Bit>,
    /// Words for the sum of the IPv4 header, 0 where there is none; the beat's first word least significant.
    pub ip_words: Signal<Out, Bits<W>>,
    /// Words for the TCP sum.
    pub tcp_words: Signal<Out, Bits<W>>,
    /// There are words.
    pub words_valid: Signal<Out, Bit>,
    /// They are the frame's last.
    pub words_last: Signal<Out, Bit>,
    rest: PacketRest<8, 3>,
    /// Number of the beat in the frame, up to 5.
    place: DFF<Bits<3>>,
    /// Words of the IPv4 header in this beat and behind, from beat 4 on.
    ip_left: DFF<Bits<6>>,
    ip_register: DFF<Bits<W>>,
    tcp_register: DFF<Bits<W>>,
    valid: DFF<Bit>,
    last: DFF<Bit>,
    beat: Signal<Local, Bits<64>>,
    ihl_words: Signal<Local, Bits<4>>,
    total_len_bytes: Signal<Local, Bits<16>>,
    is_tag: Signal<Local, Bit>,
    /// Which words are in the IPv4 header, by `ip_left`.
    left_mask: Signal<Local, Bits<4>>,
    ip_mask: Signal<Local, Bits<4>>,
    /// Words of the pseudo-header.
    pseudo_mask: Signal<Local, Bits<4>>,
    in_segment: Signal<Local, Bit>,
    first_byte: Signal<Local, Bits<8>>,
    second_byte: Signal<Local, Bits<8>>,
    ip_word: Signal<Local, Bits<16>>,
    tcp_word: Signal<Local, Bits<16>>,
    ip_beat: Signal<Local, Bits<64>>,
    tcp_beat: Signal<Local, Bits<64>>,
    length_word: Signal<Local, Bits<16>>,
}

#[kernel]
impl<const W: usize> Logic for NarrowCover<W> {
    fn update(&mut self) {
        // The protocol in ones' complement arithmetic, from which something is taken away: 0xffff more, in 16 bits.
        let protocol_word: Bits<16> = PROTOCOL_TCP as u64 - 1;
        let ethertype_vlan: Bits<16> = ETHERTYPE_VLAN;

        self.beat.next = bit_cast::<64, W>(self.beat_data.val());
        self.ihl_words.next = self.ip_word0.val().get_bits::<4>(24);
        self.total_len_bytes.next = self.ip_word0.val().get_bits::<16>(0);
        self.is_tag.next = ((bit_cast::<16, 8>(self.beat.val().get_bits::<8>(32)) << 8)
            | bit_cast::<16, 8>(self.beat.val().get_bits::<8>(40)))
            == ethertype_vlan;

        // Where the beat stands. Up to byte 31 the tag alone decides what is IPv4 (no header is shorter than 20 bytes); by beat 4 its lengths are known.
        self.left_mask.next = 0.into();
        for i in 0_usize..4 {
            self.left_mask.next = self
                .left_mask
                .val()
                .replace_bit(i, self.ip_left.q.val() > i.to_bits());
        }
        self.ip_mask.next = 0.into();
        self.pseudo_mask.next = 0.into();
        self.in_segment.next = false;
        self.length_word.next = 0.into();
        if self.place.q.val() == 1 && !self.is_tag.val() {
            self.ip_mask.next = 8.into();
        }
        if self.place.q.val() == 2 {
            // Total length.
            self.ip_mask.next = 15.into();
            self.pseudo_mask.next = 1.into();
            if self.is_tagged.val() {
                self.ip_mask.next = 14.into();
                self.pseudo_mask.next = 4.into();
            }
        }
        if self.place.q.val() == 3 {
            // Addresses.
            self.ip_mask.next = 15.into();
            self.pseudo_mask.next = 14.into();
            if self.is_tagged.val() {
                self.pseudo_mask.next = 8.into();
            }
            self.length_word.next = protocol_word - (bit_cast::<16, 4>(self.ihl_words.val()) << 2);
        }
        if self.place.q.val() == 4 {
            // The end of the addresses, and whatever follows.
            self.ip_mask.next = self.left_mask.val();
            self.pseudo_mask.next = 1.into();
            if self.is_tagged.val() {
                self.pseudo_mask.next = 7.into();
            }
            self.in_segment.next = true;
        }
        if self.place.q.val() == 5 {
            self.ip_mask.next = self.left_mask.val();
            self.in_segment.next = true;
        }

        // The first word enters first, and ends up least significant.
        self.ip_beat.next = 0.into();
        self.tcp_beat.next = 0.into();
        for i in 0_usize..4 {
            self.first_byte.next = self.beat.val().get_bits::<8>(16 * i);
            self.second_byte.next = self.beat.val().get_bits::<8>(16 * i + 8);
            self.ip_word.next = 0.into();
            self.tcp_word.next = 0.into();
            if self.ip_mask.val().get_bit(i) {
                self.ip_word.next = (bit_cast::<16, 8>(self.first_byte.val()) << 8)
                    | bit_cast::<16, 8>(self.second_byte.val());
            }
            if self.pseudo_mask.val().get_bit(i)
                | (self.in_segment.val()
                    & !self.left_mask.val().get_bit(i)
                    & self.rest.covers.val().get_bit(2 * i + 1))
            {
                self.tcp_word.next = (bit_cast::<16, 8>(self.first_byte.val()) << 8)
                    | bit_cast::<16, 8>(self.second_byte.val());
            } else if self.in_segment.val()
                & !self.left_mask.val().get_bit(i)
                & self.rest.covers.val().get_bit(2 * i)
            {
                self.tcp_word.next = bit_cast::<16, 8>(self.first_byte.val()) << 8;
            }
            self.ip_beat.next =
                (self.ip_beat.val() >> 16) | (bit_cast::<64, 16>(self.ip_word.val()) << 48);
            self.tcp_beat.next =
                (self.tcp_beat.val() >> 16) | (bit_cast::<64, 16>(self.tcp_word.val()) << 48);
        }

        // Total length and ihl come with beat 2: from beat 4 on they count.
        self.rest.load.next = self.beat_valid.val() & (self.place.q.val() == 3);
        self.rest.load_none.next = false;
        self.rest.load_bytes.next = self.total_len_bytes.val() - 18;
        self.rest.step.next = self.beat_valid.val() & self.in_segment.val();
        if self.is_tagged.val() {
            self.rest.load_bytes.next = self.total_len_bytes.val() - 14;
        }
        self.valid.d.next = self.beat_valid.val();
        if self.beat_valid.val() {
            self.ip_register.d.next = bit_cast::<W, 64>(self.ip_beat.val());
            self.tcp_register.d.next =
                bit_cast::<W, 64>(self.tcp_beat.val() | bit_cast::<64, 16>(self.length_word.val()));
            self.last.d.next = self.beat_last.val();
            if self.place.q.val() != 5 {
                self.place.d.next = self.place.q.val() + 1;
            }
            if self.place.q.val() == 3 {
                self.ip_left.d.next = (bit_cast::<6, 4>(self.ihl_words.val()) << 1) - 9;
                if self.is_tagged.val() {
                    self.ip_left.d.next = (bit_cast::<6, 4>(self.ihl_words.val()) << 1) - 7;
                }
            } else if self.ip_left.q.val() > 4 {
                self.ip_left.d.next = self.ip_left.q.val() - 4;
            } else {
                self.ip_left.d.next = 0.into();
            }
            if self.beat_last.val() {
                self.place.d.next = 0.into();
            }
        }

        self.ip_words.next = self.ip_register.q.val();
        self.tcp_words.next = self.tcp_register.q.val();
        self.words_valid.next = self.valid.q.val();
        self.words_last.next = self.last.q.val();

        if self.rst.val() {
            self.place.d.next = 0.into();
            self.valid.d.next = false;
        }
    }
}
