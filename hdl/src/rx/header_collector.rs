//! Turns the first beats of a frame into one wide header block, and takes an 802.1Q tag out of it.
//!
//! ```text
//!  beat ──> bytes reversed ──> word 0 ┐
//!                              word 1 ├──> tag removed ──> header
//!                              ...    ┘
//! ```
//!
//! From here on headers do not depend on the width of the data path, and stand as the RFCs draw them: byte 0 is the most significant. An
//! untagged and a tagged frame (IEEE 802.1Q clause 9.6) look the same behind the addresses.
//!
//! Latency: 1 cycle; in the cycle after a beat `header` holds all the frame's bytes up to that beat. Behind them it still holds bytes of
//! earlier frames: the reader must compare with the frame's length. Throughput: one beat a cycle. One clock; reset forgets the place in the
//! frame.

use crate::rx::frame::{HEADER_BITS, TAGGED_BITS};
use handclasp_layout::header::{EthernetHeader, VlanTag, ETHERTYPE_VLAN, HEADERS_MAX_BYTES};
use rust_hdl::prelude::*;

/// The collector.
#[derive(LogicBlock)]
pub struct HeaderCollector<const W: usize, const K: usize> {
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
    /// The header block, without tag.
    pub header: Signal<Out, Bits<HEADER_BITS>>,
    /// The frame has an 802.1Q tag (if it is long enough for one).
    pub is_tagged: Signal<Out, Bit>,
    /// The tag's control information, when there is one.
    pub vlan_tci: Signal<Out, Bits<16>>,
    words: Vec<DFF<Bits<W>>>,
    /// Number of the word that the next beat becomes; behind the headers it stays at the number of words, and no word is written.
    place: DFF<Bits<8>>,
    one_byte: Signal<Local, Bits<8>>,
    reversed: Signal<Local, Bits<W>>,
    word: Signal<Local, Bits<W>>,
    collected: Signal<Local, Bits<TAGGED_BITS>>,
    /// The 16 bits behind the addresses: EtherType of an untagged frame.
    ethertype: Signal<Local, Bits<16>>,
    addresses: Signal<Local, Bits<96>>,
    beat_bits: Constant<Bits<16>>,
    first_word_at: Constant<Bits<16>>,
    ethertype_at: Constant<Bits<16>>,
    addresses_at: Constant<Bits<16>>,
    tci_at: Constant<Bits<16>>,
    tag_bits: Constant<Bits<16>>,
    addresses_in_header_at: Constant<Bits<16>>,
    behind_addresses: Constant<Bits<HEADER_BITS>>,
    word_count: Constant<Bits<8>>,
    ethertype_vlan: Constant<Bits<16>>,
}

impl<const W: usize, const K: usize> Default for HeaderCollector<W, K> {
    fn default() -> Self {
        const { assert!(K * 8 == W && W < TAGGED_BITS) };
        let words = HEADERS_MAX_BYTES.div_ceil(K);
        let addresses_bits = EthernetHeader::SIZE_BYTES * 8 - 16;
        Self {
            clk: Default::default(),
            rst: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            header: Default::default(),
            is_tagged: Default::default(),
            vlan_tci: Default::default(),
            words: (0..words).map(|_| DFF::default()).collect(),
            place: Default::default(),
            one_byte: Default::default(),
            reversed: Default::default(),
            word: Default::default(),
            collected: Default::default(),
            ethertype: Default::default(),
            addresses: Default::default(),
            beat_bits: Constant::new(W.to_bits()),
            first_word_at: Constant::new((TAGGED_BITS - W).to_bits()),
            ethertype_at: Constant::new((TAGGED_BITS - addresses_bits - 16).to_bits()),
            addresses_at: Constant::new((TAGGED_BITS - addresses_bits).to_bits()),
            tci_at: Constant::new((TAGGED_BITS - addresses_bits - 32).to_bits()),
            tag_bits: Constant::new((VlanTag::SIZE_BYTES * 8).to_bits()),
            addresses_in_header_at: Constant::new((HEADER_BITS - addresses_bits).to_bits()),
            behind_addresses: Constant::new(Bits::<HEADER_BITS>::mask() >> addresses_bits as u64),
            word_count: Constant::new(words.to_bits()),
            ethertype_vlan: Constant::new(u64::from(ETHERTYPE_VLAN).into()),
        }
    }
}

impl<const W: usize, const K: usize> Logic for HeaderCollector<W, K> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, place);

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
        if self.beat_valid.val() {
            if self.beat_last.val() {
                self.place.d.next = 0.into();
            } else if self.place.q.val() != self.word_count.val() {
                self.place.d.next = self.place.q.val() + 1;
            }
        }

        // Join the words, word 0 most significant. Each word enters at the top and pushes those before it down by a beat, so word 0 is the
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

        self.ethertype.next = self
            .collected
            .val()
            .get_bits::<16>(self.ethertype_at.val().index());
        self.addresses.next = self
            .collected
            .val()
            .get_bits::<96>(self.addresses_at.val().index());
        self.vlan_tci.next = self
            .collected
            .val()
            .get_bits::<16>(self.tci_at.val().index());
        self.is_tagged.next = self.ethertype.val() == self.ethertype_vlan.val();
        if self.is_tagged.val() {
            // The tag's four bytes stand between the addresses and the EtherType that counts.
            self.header.next = (bit_cast::<HEADER_BITS, TAGGED_BITS>(self.collected.val())
                & self.behind_addresses.val())
                | (bit_cast::<HEADER_BITS, 96>(self.addresses.val())
                    << self.addresses_in_header_at.val());
        } else {
            self.header.next =
                bit_cast::<HEADER_BITS, TAGGED_BITS>(self.collected.val() >> self.tag_bits.val());
        }

        if self.rst.val() {
            self.place.d.next = 0.into();
        }
    }
}
