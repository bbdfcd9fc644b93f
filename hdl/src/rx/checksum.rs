//! Verifies the IPv4 header checksum and the TCP checksum of each frame while it streams by.
//!
//! ```text
//!            ┌─ words of the IPv4 header ──────────> adder tree ─> sum ─> == 0xffff ─> ip_ok
//!  beat ─────┤
//!            └─ pseudo-header and TCP segment ─────> adder tree ─> sum ─> == 0xffff ─> tcp_ok
//!                      ^
//!  header block ───────┘ where the IPv4 header and the packet end
//! ```
//!
//! Internet checksum: ones' complement sum of 16-bit words, right when all ones (RFC 1071). The TCP sum includes the pseudo-header of
//! source, destination, protocol and segment length (RFC 9293 3.1), whose addresses are taken from the IPv4 header as it passes. Bytes behind the
//! IPv4 packet (Ethernet's padding) are not summed. Headers of the frame begin at even bytes, so every word is a word of the frame.
//!
//! Latency from the last beat to `result_valid`: `LATENCY_CYCLES`, 4 at W = 64 and 7 at W = 512. Throughput: one beat a cycle. One clock; reset
//! forgets everything under way. The two bits mean something only when the frame holds the headers and the packet whole; the parser finds out
//! whether it does.

use crate::fields::Ipv4Header;
use crate::rx::adder_tree::AdderTree;
use crate::rx::frame::BeatTag;
use handclasp_layout::header::{EthernetHeader, VlanTag, PROTOCOL_TCP};
use rust_hdl::prelude::*;

/// The verifier.
#[derive(LogicBlock)]
pub struct Checksum<const W: usize> {
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
    /// With the last beat: the frame is kept, so its result is wanted.
    pub beat_keep: Signal<In, Bit>,
    /// IPv4 header, as far as this beat has brought it.
    pub ipv4: Signal<In, Bits<160>>,
    /// The frame is tagged.
    pub is_tagged: Signal<In, Bit>,
    /// For one cycle: the results of the next kept frame.
    pub result_valid: Signal<Out, Bit>,
    /// The IPv4 header's checksum is right.
    pub ip_ok: Signal<Out, Bit>,
    /// The TCP checksum is right.
    pub tcp_ok: Signal<Out, Bit>,
    /// A beat is on its way.
    pub busy: Signal<Out, Bit>,
    ip_tree: AdderTree<W>,
    tcp_tree: AdderTree<W>,
    tags: Vec<DFF<BeatTag>>,
    /// Which stages of the trees hold a beat: bit n, n + 1 cycles old.
    stages: DFF<Bits<8>>,
    /// Place of the beat's first word in the frame, in words.
    first_word: DFF<Bits<16>>,
    ip_sum: DFF<Bits<32>>,
    tcp_sum: DFF<Bits<32>>,
    ip_total: DFF<Bits<32>>,
    tcp_total: DFF<Bits<32>>,
    total_valid: DFF<Bit>,
    header: Signal<Local, Ipv4Header>,
    header_bytes: Signal<Local, Bits<16>>,
    /// Places in the frame, in words.
    ip_start: Signal<Local, Bits<16>>,
    tcp_start: Signal<Local, Bits<16>>,
    addresses_start: Signal<Local, Bits<16>>,
    addresses_end: Signal<Local, Bits<16>>,
    end_bytes: Signal<Local, Bits<16>>,
    end_word: Signal<Local, Bits<16>>,
    /// Each word's place and value.
    place: Vec<Signal<Local, Bits<16>>>,
    word: Vec<Signal<Local, Bits<16>>>,
    first_byte: Signal<Local, Bits<8>>,
    second_byte: Signal<Local, Bits<8>>,
    tag: Signal<Local, BeatTag>,
    out_tag: Signal<Local, BeatTag>,
    ip_next: Signal<Local, Bits<32>>,
    tcp_next: Signal<Local, Bits<32>>,
    ip_folded: Signal<Local, Bits<32>>,
    tcp_folded: Signal<Local, Bits<32>>,
    last_stage: Constant<Bits<8>>,
    untagged_start: Constant<Bits<16>>,
    tagged_start: Constant<Bits<16>>,
    least_tcp_start: Constant<Bits<16>>,
    words_per_beat: Constant<Bits<16>>,
    protocol_tcp: Constant<Bits<16>>,
}

impl<const W: usize> Checksum<W> {
    /// Cycles from the last beat to `result_valid`.
    pub const LATENCY_CYCLES: usize = AdderTree::<W>::LATENCY_CYCLES + 1;
}

impl<const W: usize> Default for Checksum<W> {
    fn default() -> Self {
        let untagged_start = EthernetHeader::SIZE_BYTES / 2;
        Self {
            clk: Default::default(),
            rst: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            beat_keep: Default::default(),
            ipv4: Default::default(),
            is_tagged: Default::default(),
            result_valid: Default::default(),
            ip_ok: Default::default(),
            tcp_ok: Default::default(),
            busy: Default::default(),
            ip_tree: Default::default(),
            tcp_tree: Default::default(),
            tags: (0..AdderTree::<W>::LATENCY_CYCLES)
                .map(|_| DFF::default())
                .collect(),
            stages: Default::default(),
            first_word: Default::default(),
            ip_sum: Default::default(),
            tcp_sum: Default::default(),
            ip_total: Default::default(),
            tcp_total: Default::default(),
            total_valid: Default::default(),
            header: Default::default(),
            header_bytes: Default::default(),
            ip_start: Default::default(),
            tcp_start: Default::default(),
            addresses_start: Default::default(),
            addresses_end: Default::default(),
            end_bytes: Default::default(),
            end_word: Default::default(),
            place: (0..W / 16).map(|_| Signal::default()).collect(),
            word: (0..W / 16).map(|_| Signal::default()).collect(),
            first_byte: Default::default(),
            second_byte: Default::default(),
            tag: Default::default(),
            out_tag: Default::default(),
            ip_next: Default::default(),
            tcp_next: Default::default(),
            ip_folded: Default::default(),
            tcp_folded: Default::default(),
            last_stage: Constant::new((AdderTree::<W>::LATENCY_CYCLES - 1).to_bits()),
            untagged_start: Constant::new(untagged_start.to_bits()),
            tagged_start: Constant::new((untagged_start + VlanTag::SIZE_BYTES / 2).to_bits()),
            least_tcp_start: Constant::new((untagged_start + 10).to_bits()),
            words_per_beat: Constant::new((W / 16).to_bits()),
            protocol_tcp: Constant::new(u64::from(PROTOCOL_TCP).into()),
        }
    }
}

impl<const W: usize> Logic for Checksum<W> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            stages,
            first_word,
            ip_sum,
            tcp_sum,
            ip_total,
            tcp_total,
            total_valid
        );
        self.ip_tree.clk.next = self.clk.val();
        self.tcp_tree.clk.next = self.clk.val();

        // Where the headers and the packet begin and end. Until the beat with the first words of this frame's IPv4 header has come, `ipv4`
        // holds an earlier frame's. Words before `least_tcp_start` are therefore told apart without the lengths in it.
        self.header.next = self.ipv4.val().into();
        self.header_bytes.next = bit_cast::<16, 4>(self.header.val().ihl_words) << 2;
        self.ip_start.next = self.untagged_start.val();
        if self.is_tagged.val() {
            self.ip_start.next = self.tagged_start.val();
        }
        self.tcp_start.next = self.ip_start.val() + (self.header_bytes.val() >> 1);
        self.addresses_start.next = self.ip_start.val() + 6;
        self.addresses_end.next = self.ip_start.val() + 10;
        self.end_bytes.next = (self.ip_start.val() << 1) + self.header.val().total_len_bytes;
        self.end_word.next = self.end_bytes.val() >> 1;

        for i in 0..(W / 16) {
            self.place[i].next = self.first_word.q.val() + i.to_bits();
            self.first_byte.next = self.beat_data.val().get_bits::<8>(16 * i);
            self.second_byte.next = self.beat_data.val().get_bits::<8>(16 * i + 8);
            self.word[i].next = (bit_cast::<16, 8>(self.first_byte.val()) << 8)
                | bit_cast::<16, 8>(self.second_byte.val());
            self.ip_tree.words[i].next = 0.into();
            self.tcp_tree.words[i].next = 0.into();
            if self.place[i].val() >= self.ip_start.val() {
                if (self.place[i].val() < self.least_tcp_start.val())
                    | (self.place[i].val() < self.tcp_start.val())
                {
                    self.ip_tree.words[i].next = self.word[i].val();
                }
                if (self.place[i].val() >= self.addresses_start.val())
                    & (self.place[i].val() < self.addresses_end.val())
                {
                    self.tcp_tree.words[i].next = self.word[i].val();
                }
            }
            if (self.place[i].val() >= self.least_tcp_start.val())
                & (self.place[i].val() >= self.tcp_start.val())
            {
                if self.place[i].val() < self.end_word.val() {
                    self.tcp_tree.words[i].next = self.word[i].val();
                }
                // The last byte of a segment of odd length is followed by a zero (RFC 9293 3.1).
                if (self.place[i].val() == self.end_word.val()) & self.end_bytes.val().get_bit(0) {
                    self.tcp_tree.words[i].next = self.word[i].val() & 0xff00;
                }
            }
        }
        if self.beat_valid.val() {
            // No packet reaches byte 65536: the count stops there instead of starting anew.
            if !self.first_word.q.val().get_bit(15) {
                self.first_word.d.next = self.first_word.q.val() + self.words_per_beat.val();
            }
            if self.beat_last.val() {
                self.first_word.d.next = 0.into();
            }
        }

        // Delay the tag by as many cycles as the adder trees take.
        self.stages.d.next = (self.stages.q.val() << 1) + self.beat_valid.val();
        self.tag.next.last = self.beat_last.val();
        self.tag.next.keep = self.beat_keep.val();
        self.tag.next.pseudo_sum =
            self.header.val().total_len_bytes - self.header_bytes.val() + self.protocol_tcp.val();
        for i in 0..self.tags.len() {
            self.tags[i].clock.next = self.clk.val();
        }
        self.tags[0].d.next = self.tag.val();
        for i in 1..self.tags.len() {
            self.tags[i].d.next = self.tags[i - 1].q.val();
        }

        // Sum up the beats. The sum of the 32768 words of 64 KiB fits 32 bits, so the carries are folded in once, at the end. (A loop of one
        // turn: see the crate's documentation.)
        for last in (self.tags.len() - 1)..self.tags.len() {
            self.out_tag.next = self.tags[last].q.val();
        }
        self.ip_next.next = self.ip_sum.q.val() + self.ip_tree.sum.val();
        self.tcp_next.next = self.tcp_sum.q.val() + self.tcp_tree.sum.val();
        self.total_valid.d.next = false;
        if self.stages.q.val().get_bit(self.last_stage.val().index()) {
            self.ip_sum.d.next = self.ip_next.val();
            self.tcp_sum.d.next = self.tcp_next.val();
            if self.out_tag.val().last {
                self.ip_sum.d.next = 0.into();
                self.tcp_sum.d.next = 0.into();
                self.ip_total.d.next = self.ip_next.val();
                self.tcp_total.d.next =
                    self.tcp_next.val() + bit_cast::<32, 16>(self.out_tag.val().pseudo_sum);
                self.total_valid.d.next = self.out_tag.val().keep;
            }
        }

        self.ip_folded.next = (self.ip_total.q.val() & 0xffff) + (self.ip_total.q.val() >> 16);
        self.ip_folded.next = (self.ip_folded.val() & 0xffff) + (self.ip_folded.val() >> 16);
        self.tcp_folded.next = (self.tcp_total.q.val() & 0xffff) + (self.tcp_total.q.val() >> 16);
        self.tcp_folded.next = (self.tcp_folded.val() & 0xffff) + (self.tcp_folded.val() >> 16);
        self.result_valid.next = self.total_valid.q.val();
        self.ip_ok.next = self.ip_folded.val() == 0xffff;
        self.tcp_ok.next = self.tcp_folded.val() == 0xffff;

        self.busy.next = self.total_valid.q.val() | self.stages.q.val().any();

        if self.rst.val() {
            self.stages.d.next = 0.into();
            self.first_word.d.next = 0.into();
            self.ip_sum.d.next = 0.into();
            self.tcp_sum.d.next = 0.into();
            self.total_valid.d.next = false;
        }
    }
}
