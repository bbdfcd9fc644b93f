//! Collects a frame's headers at W = 512, where they come in one to three beats.
//!
//! ```text
//!          ┌────────┐
//!  beat ──>│ word 0 │─┐   tag         ┌ IPv4
//!          │ word 1 │─┼─> taken out ──┤                    ┌─────────┐
//!          │ word 2 │─┘               └ behind ─> shifted ─>│ headers │──> headers, key
//!          └────────┘                            by ihl    └─────────┘
//! ```
//!
//! From here on headers do not depend on the width of the data path. An untagged and a tagged frame (IEEE 802.1Q clause 9.6) look the same behind the
//! addresses. IPv4 options push TCP back by 32-bit words (RFC 791 3.1: ihl is 5 to 15). A header of which a part is missing has bytes of earlier frames in it: the parser
//! compares with the frame's length.
//!
//! Latency: 2 cycles from the last beat to `headers` and `key`, with `lookup_valid`; they stay until the next frame's. Throughput: one frame a cycle. One clock; reset forgets the
//! place in the frame. No errors.

use crate::rx::frame::Headers;
use handclasp_layout::header::{
    EthernetHeader, Ipv4Header, VlanTag, ETHERTYPE_IPV4, ETHERTYPE_VLAN, HEADERS_MAX_BYTES,
};
use rust_hdl::prelude::*;

/// Bits of the longest headers with their tag.
const TAGGED_BITS: usize = HEADERS_MAX_BYTES * 8;
/// The same without the tag.
const HEADER_BITS: usize = TAGGED_BITS - VlanTag::SIZE_BYTES * 8;
/// Bits behind the addresses.
const BEHIND_ADDRESSES_BITS: usize = HEADER_BITS - 96;
/// Bits behind the IPv4 header without options.
const BEHIND_IPV4_BITS: usize =
    HEADER_BITS - EthernetHeader::SIZE_BYTES * 8 - Ipv4Header::SIZE_BYTES * 8;

/// The collector; K is `W / 8`.
#[derive(LogicBlock)]
pub struct WideHeaders<const W: usize, const K: usize> {
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
    /// The headers.
    pub headers: Signal<Out, Headers>,
    /// Key for the flow table: source and destination address, source and destination port.
    pub key: Signal<Out, Bits<96>>,
    /// Headers and key are there, since this cycle.
    pub lookup_valid: Signal<Out, Bit>,
    /// A frame's headers are under way.
    pub busy: Signal<Out, Bit>,
    words: Vec<DFF<Bits<W>>>,
    /// Number of the word that the next beat becomes; behind the headers it stays at the number of words, and no word is written.
    place: DFF<Bits<8>>,
    is_tagged: DFF<Bit>,
    ended: DFF<Bit>,
    headers_register: DFF<Headers>,
    headers_valid: DFF<Bit>,
    one_byte: Signal<Local, Bits<8>>,
    reversed: Signal<Local, Bits<W>>,
    word: Signal<Local, Bits<W>>,
    collected: Signal<Local, Bits<TAGGED_BITS>>,
    addresses: Signal<Local, Bits<96>>,
    behind_addresses: Signal<Local, Bits<BEHIND_ADDRESSES_BITS>>,
    behind_ipv4: Signal<Local, Bits<BEHIND_IPV4_BITS>>,
    shifted: Signal<Local, Bits<BEHIND_IPV4_BITS>>,
    transport: Signal<Local, Bits<480>>,
    ipv4: Signal<Local, Bits<160>>,
    option_words: Signal<Local, Bits<4>>,
    beat_bits: Constant<Bits<16>>,
    first_word_at: Constant<Bits<16>>,
    tag_at: Constant<Bits<16>>,
    word_count: Constant<Bits<8>>,
    ethertype_ipv4: Constant<Bits<16>>,
    ethertype_vlan: Constant<Bits<16>>,
}

impl<const W: usize, const K: usize> Default for WideHeaders<W, K> {
    fn default() -> Self {
        const { assert!(K * 8 == W && W < TAGGED_BITS) };
        let words = HEADERS_MAX_BYTES.div_ceil(K);
        Self {
            clk: Default::default(),
            rst: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            headers: Default::default(),
            key: Default::default(),
            lookup_valid: Default::default(),
            busy: Default::default(),
            words: (0..words).map(|_| DFF::default()).collect(),
            place: Default::default(),
            is_tagged: Default::default(),
            ended: Default::default(),
            headers_register: Default::default(),
            headers_valid: Default::default(),
            one_byte: Default::default(),
            reversed: Default::default(),
            word: Default::default(),
            collected: Default::default(),
            addresses: Default::default(),
            behind_addresses: Default::default(),
            behind_ipv4: Default::default(),
            shifted: Default::default(),
            transport: Default::default(),
            ipv4: Default::default(),
            option_words: Default::default(),
            beat_bits: Constant::new(W.to_bits()),
            first_word_at: Constant::new((TAGGED_BITS - W).to_bits()),
            // In the first beat, byte 0 most significant.
            tag_at: Constant::new((W - 112).to_bits()),
            word_count: Constant::new(words.to_bits()),
            ethertype_ipv4: Constant::new(u64::from(ETHERTYPE_IPV4).into()),
            ethertype_vlan: Constant::new(u64::from(ETHERTYPE_VLAN).into()),
        }
    }
}

impl<const W: usize, const K: usize> Logic for WideHeaders<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clk,
            place,
            is_tagged,
            ended,
            headers_register,
            headers_valid
        );

        // First cycle: keep the beat, byte 0 most significant.
        self.reversed.next = 0.into();
        for i in 0..K {
            self.one_byte.next = self.beat_data.val().get_bits::<8>(8 * i);
            self.reversed.next = (self.reversed.val() << 8) | bit_cast::<W, 8>(self.one_byte.val());
        }
        for i in 0..self.words.len() {
            self.words[i].clock.next = self.clk.val();
            self.words[i].d.next = self.words[i].q.val();
            if self.beat_valid.val() & (self.place.q.val() == i.to_bits()) {
                self.words[i].d.next = self.reversed.val();
            }
        }
        self.ended.d.next = self.beat_valid.val() & self.beat_last.val();
        if self.beat_valid.val() {
            if self.place.q.val() == 0 {
                self.is_tagged.d.next = self
                    .reversed
                    .val()
                    .get_bits::<16>(self.tag_at.val().index())
                    == self.ethertype_vlan.val();
            }
            if self.beat_last.val() {
                self.place.d.next = 0.into();
            } else if self.place.q.val() != self.word_count.val() {
                self.place.d.next = self.place.q.val() + 1;
            }
        }

        // Second cycle. Join the words, word 0 most significant: each enters at the top and pushes those before it down by a beat, so word 0 is the
        // last to enter. The last word may have more bytes than the headers need: they are pushed out at the bottom. (The outer
        // loop has one turn: see the crate's documentation.)
        self.collected.next = 0.into();
        for last in (self.words.len() - 1)..self.words.len() {
            for i in 0..self.words.len() {
                self.word.next = self.words[last - i].q.val();
                self.collected.next = (self.collected.val() >> self.beat_bits.val())
                    | (bit_cast::<TAGGED_BITS, W>(self.word.val()) << self.first_word_at.val());
            }
        }
        self.addresses.next = self.collected.val().get_bits::<96>(1008);
        self.behind_addresses.next =
            bit_cast::<BEHIND_ADDRESSES_BITS, TAGGED_BITS>(self.collected.val() >> 32);
        if self.is_tagged.q.val() {
            self.behind_addresses.next =
                bit_cast::<BEHIND_ADDRESSES_BITS, TAGGED_BITS>(self.collected.val());
        }
        self.ipv4.next = self.behind_addresses.val().get_bits::<160>(800);
        self.behind_ipv4.next =
            bit_cast::<BEHIND_IPV4_BITS, BEHIND_ADDRESSES_BITS>(self.behind_addresses.val());
        self.option_words.next = self.ipv4.val().get_bits::<4>(152) - 5;
        self.shifted.next =
            self.behind_ipv4.val() << (bit_cast::<16, 4>(self.option_words.val()) << 5);
        self.transport.next = self.shifted.val().get_bits::<480>(320);
        self.headers_valid.d.next = self.ended.q.val();
        if self.ended.q.val() {
            self.headers_register.d.next.options = self.transport.val().get_bits::<320>(0);
            self.headers_register.d.next.tcp = self.transport.val().get_bits::<160>(320);
            self.headers_register.d.next.ipv4 = self.ipv4.val();
            self.headers_register.d.next.dst_mac = self.addresses.val().get_bits::<48>(48);
            self.headers_register.d.next.src_mac = self.addresses.val().get_bits::<48>(0);
            self.headers_register.d.next.vlan_tci = self.collected.val().get_bits::<16>(976);
            self.headers_register.d.next.is_tagged = self.is_tagged.q.val();
            self.headers_register.d.next.is_ip =
                self.behind_addresses.val().get_bits::<16>(960) == self.ethertype_ipv4.val();
        }

        self.headers.next = self.headers_register.q.val();
        self.key.next = (bit_cast::<96, 160>(self.headers_register.q.val().ipv4) << 32)
            | bit_cast::<96, 160>(self.headers_register.q.val().tcp >> 128);
        self.lookup_valid.next = self.headers_valid.q.val();
        self.busy.next = self.ended.q.val() | self.headers_valid.q.val();

        if self.rst.val() {
            self.place.d.next = 0.into();
            self.ended.d.next = false;
            self.headers_valid.d.next = false;
        }
    }
}
