//! Collects a frame's headers at W = 64, each word as it flows by.
//!
//! ```text
//!          ┌──────────┐ last 2 bytes            first ┐ ┌ even TCP words ──> 8 registers
//!  beat ─┬>│ previous │────────────┬─> 8 bytes ───────┼─┤
//!        │ └──────────┘ first 6    │           second ┘ └ odd TCP words ───> 7 registers
//!        └─────────────────────────┘                      IPv4 words ─────> 5 registers
//! ```
//!
//! Every header behind Ethernet's begins two bytes behind a multiple of four, with a tag (IEEE 802.1Q clause 9.6) or without: one alignment serves both. What is left to choose is whether a word
//! is the first or the second of its eight bytes: for IPv4 that depends on the tag, for TCP on the tag and on whether IPv4's length is an odd number of words (RFC 791 3.1). All else is
//! when a register takes the word that is there. A header of which a part is missing leaves what an earlier frame had there: the parser compares with the
//! frame's length.
//!
//! Latency: 1 cycle; in the cycle after a beat `headers` holds all the frame's header words that are whole with that beat. `lookup_valid` comes with the beat that
//! brings the ports: `key` has the source address in the cycle before, the destination in this one, the ports in the next, and all three then. Throughput: one beat a cycle. One clock; reset
//! forgets the place in the frame. No errors.

use crate::rx::frame::Headers;
use handclasp_layout::header::{ETHERTYPE_IPV4, ETHERTYPE_VLAN};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// What the next beat is to the collector.
#[derive(Debug, Copy, Clone, PartialEq, LogicState)]
enum HeaderState {
    /// The frame's first.
    Addresses,
    /// The second: EtherType or tag.
    EtherType,
    /// One of IPv4 and behind.
    Packet,
}

/// The collector; W is 64.
#[block]
pub struct NarrowHeaders<const W: usize> {
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
    /// The key is there, word by word from now on.
    pub lookup_valid: Signal<Out, Bit>,
    /// A lookup may come in the next four cycles.
    pub lookup_near: Signal<Out, Bit>,
    /// From the fourth beat on: the first word of the IPv4 header.
    pub ip_word0: Signal<Out, Bits<32>>,
    /// From the third beat on: the frame is tagged.
    pub is_tagged_now: Signal<Out, Bit>,
    state: DFF<HeaderState>,
    /// The last two bytes of the beat before.
    previous: DFF<Bits<16>>,
    /// Number of the 8 bytes behind EtherType or tag that the next beat completes.
    place: DFF<Bits<4>>,
    /// Bit m: the beat completes the TCP words 2 m and, if the headers before are an even number of words, 2 m + 1; if it is odd, 2 m - 1.
    tcp_place: DFF<Bits<8>>,
    dst_mac: DFF<Bits<48>>,
    src_mac_high: DFF<Bits<16>>,
    src_mac_low: DFF<Bits<32>>,
    vlan_tci: DFF<Bits<16>>,
    is_tagged: DFF<Bit>,
    is_ip: DFF<Bit>,
    ip_words: [DFF<Bits<32>>; 5],
    even_words: [DFF<Bits<32>>; 8],
    odd_words: [DFF<Bits<32>>; 7],
    one_byte: Signal<Local, Bits<8>>,
    beat: Signal<Local, Bits<64>>,
    first: Signal<Local, Bits<32>>,
    second: Signal<Local, Bits<32>>,
    even: Signal<Local, Bits<32>>,
    odd: Signal<Local, Bits<32>>,
    /// Words of tag and IPv4 header.
    words_before: Signal<Local, Bits<5>>,
    is_odd: Signal<Local, Bit>,
    word: Signal<Local, Bits<32>>,
    tcp_words: Signal<Local, Bits<480>>,
    ipv4: Signal<Local, Bits<160>>,
}

#[kernel]
impl<const W: usize> Logic for NarrowHeaders<W> {
    fn update(&mut self) {
        let ethertype_ipv4: Bits<16> = ETHERTYPE_IPV4;
        let ethertype_vlan: Bits<16> = ETHERTYPE_VLAN;

        // Byte 0 most significant; then the two words behind EtherType or tag that this beat completes.
        self.beat.next = 0.into();
        for i in 0_usize..8 {
            self.one_byte.next = self.beat_data.val().get_bits::<8>(8 * i);
            self.beat.next = (self.beat.val() << 8) | bit_cast::<64, 8>(self.one_byte.val());
        }
        self.first.next = (bit_cast::<32, 16>(self.previous.q.val()) << 16)
            | bit_cast::<32, 16>(self.beat.val().get_bits::<16>(48));
        self.second.next = self.beat.val().get_bits::<32>(16);

        self.words_before.next = bit_cast::<5, 4>(self.ip_words[0].q.val().get_bits::<4>(24));
        if self.is_tagged.q.val() {
            self.words_before.next =
                bit_cast::<5, 4>(self.ip_words[0].q.val().get_bits::<4>(24)) + 1;
        }
        self.is_odd.next = self.words_before.val().get_bit(0);
        self.even.next = self.first.val();
        self.odd.next = self.second.val();
        if self.is_odd.val() {
            self.even.next = self.second.val();
            self.odd.next = self.first.val();
        }

        self.lookup_valid.next = false;
        // The ports come with the fifth beat at the earliest, and not behind the longest headers. Up to the second beat the place is that of an earlier frame.
        self.lookup_near.next = self.beat_valid.val();
        if self.state.q.val() == HeaderState::EtherType {
            self.lookup_near.next = true;
        }
        if self.state.q.val() == HeaderState::Packet {
            self.lookup_near.next = self.place.q.val() != 9;
        }
        if self.beat_valid.val() {
            self.previous.d.next = self.beat.val().get_bits::<16>(0);
            match self.state.q.val() {
                HeaderState::Addresses => {
                    self.dst_mac.d.next = self.beat.val().get_bits::<48>(16);
                    self.src_mac_high.d.next = self.beat.val().get_bits::<16>(0);
                    self.state.d.next = HeaderState::EtherType;
                }
                HeaderState::EtherType => {
                    self.src_mac_low.d.next = self.beat.val().get_bits::<32>(32);
                    self.vlan_tci.d.next = self.beat.val().get_bits::<16>(0);
                    self.is_tagged.d.next = self.beat.val().get_bits::<16>(16) == ethertype_vlan;
                    self.is_ip.d.next = self.beat.val().get_bits::<16>(16) == ethertype_ipv4;
                    self.place.d.next = 0.into();
                    self.tcp_place.d.next = 0.into();
                    self.state.d.next = HeaderState::Packet;
                }
                HeaderState::Packet => {
                    // Behind the longest headers the place stays.
                    if self.place.q.val() != 9 {
                        self.place.d.next = self.place.q.val() + 1;
                    }
                    // The beat behind this one completes TCP's first word. At the first place the length is still an earlier frame's, and would have to be too short.
                    self.tcp_place.d.next = self.tcp_place.q.val() << 1;
                    if ((self.place.q.val() + 1) == bit_cast::<4, 5>(self.words_before.val() >> 1))
                        & (self.place.q.val() != 0)
                    {
                        self.tcp_place.d.next = (self.tcp_place.q.val() << 1) | 1;
                    }
                    if self.place.q.val() == 0 {
                        self.ip_words[0].d.next = self.first.val();
                        self.ip_words[1].d.next = self.second.val();
                        if self.is_tagged.q.val() {
                            // Behind the tag's control information.
                            self.is_ip.d.next =
                                self.first.val().get_bits::<16>(0) == ethertype_ipv4;
                            self.ip_words[0].d.next = self.second.val();
                        }
                    }
                    if self.place.q.val() == 1 {
                        self.ip_words[2].d.next = self.first.val();
                        self.ip_words[3].d.next = self.second.val();
                        if self.is_tagged.q.val() {
                            self.ip_words[1].d.next = self.first.val();
                            self.ip_words[2].d.next = self.second.val();
                        }
                    }
                    if self.place.q.val() == 2 {
                        self.ip_words[4].d.next = self.first.val();
                        if self.is_tagged.q.val() {
                            self.ip_words[3].d.next = self.first.val();
                            self.ip_words[4].d.next = self.second.val();
                        }
                    }
                    self.lookup_valid.next = self.tcp_place.q.val().get_bit(0);
                    for i in 0..8 {
                        if self.tcp_place.q.val().get_bit(i) {
                            self.even_words[i].d.next = self.even.val();
                        }
                    }
                    for i in 0..7 {
                        if (self.tcp_place.q.val().get_bit(i) & !self.is_odd.val())
                            | (self.tcp_place.q.val().get_bit(i + 1) & self.is_odd.val())
                        {
                            self.odd_words[i].d.next = self.odd.val();
                        }
                    }
                }
            }
            if self.beat_last.val() {
                self.state.d.next = HeaderState::Addresses;
            }
        }

        self.ipv4.next = 0.into();
        for i in 0..5 {
            self.word.next = self.ip_words[i].q.val();
            self.ipv4.next = (self.ipv4.val() << 32) | bit_cast::<160, 32>(self.word.val());
        }
        self.tcp_words.next = 0.into();
        for i in 0..7 {
            self.word.next = self.even_words[i].q.val();
            self.tcp_words.next =
                (self.tcp_words.val() << 32) | bit_cast::<480, 32>(self.word.val());
            self.word.next = self.odd_words[i].q.val();
            self.tcp_words.next =
                (self.tcp_words.val() << 32) | bit_cast::<480, 32>(self.word.val());
        }
        self.word.next = self.even_words[7].q.val();
        self.tcp_words.next = (self.tcp_words.val() << 32) | bit_cast::<480, 32>(self.word.val());
        self.headers.next.options = self.tcp_words.val().get_bits::<320>(0);
        self.headers.next.tcp = self.tcp_words.val().get_bits::<160>(320);
        self.headers.next.ipv4 = self.ipv4.val();
        self.headers.next.src_mac = (bit_cast::<48, 16>(self.src_mac_high.q.val()) << 32)
            | bit_cast::<48, 32>(self.src_mac_low.q.val());
        self.headers.next.dst_mac = self.dst_mac.q.val();
        self.headers.next.vlan_tci = self.vlan_tci.q.val();
        self.headers.next.is_tagged = self.is_tagged.q.val();
        self.headers.next.is_ip = self.is_ip.q.val();
        self.key.next = (bit_cast::<96, 32>(self.ip_words[3].d.val()) << 64)
            | (bit_cast::<96, 32>(self.ip_words[4].d.val()) << 32)
            | bit_cast::<96, 32>(self.even_words[0].q.val());

        self.ip_word0.next = self.ip_words[0].q.val();
        self.is_tagged_now.next = self.is_tagged.q.val();

        if self.rst.val() {
            self.state.d.next = HeaderState::Addresses;
        }
    }
}
