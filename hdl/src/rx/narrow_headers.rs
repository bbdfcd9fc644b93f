//! Collects a frame's headers at W = 64, each word as it flows by.
//!
//! ```text
//!          ┌──────────┐   untagged: + 6 bytes   first ┐ ┌ even TCP words ──> 8 registers
//!  beat ─┬>│ previous │─┬─> 8 bytes of IPv4 ──────────┼─┤
//!        │ └──────────┘ │  tagged: + 2 bytes    second┘ └ odd TCP words ───> 7 registers
//!        └──────────────┴─> MAC addresses, tag             IPv4 words ─────> 5 registers
//! ```
//!
//! Two choices of 64 bits move every header to its place: whether there is a tag (IEEE 802.1Q clause 9.6), and whether IPv4's length is an odd number of words (RFC
//! 791 3.1). All else is when a register takes the word that is there. A header of which a part is missing leaves what an earlier frame had there: the
//! parser compares with the frame's length.
//!
//! Latency: 1 cycle; in the cycle after a beat `headers` holds all the frame's header bytes up to that beat. `lookup_valid` comes with the beat that
//! brings the ports: then `key` has the source address, one cycle later the destination, two later the ports. Throughput: one beat a cycle. One clock; reset
//! forgets the place in the frame. No errors.

use crate::rx::frame::Headers;
use handclasp_layout::header::{ETHERTYPE_IPV4, ETHERTYPE_VLAN};
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
#[derive(LogicBlock)]
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
    /// A lookup may come in the next three cycles.
    pub lookup_near: Signal<Out, Bit>,
    /// With the fourth beat: the first word of the IPv4 header.
    pub ip_word0: Signal<Out, Bits<32>>,
    /// From the third beat on: the frame is tagged.
    pub is_tagged_now: Signal<Out, Bit>,
    state: DFF<HeaderState>,
    previous: DFF<Bits<64>>,
    /// Number of the 8 bytes of IPv4 that the next beat completes; 15: the beat before them.
    place: DFF<Bits<4>>,
    /// Bit m: the beat completes the TCP words 2 m and, if IPv4's length is even, 2 m + 1; if it is odd, 2 m - 1.
    tcp_place: DFF<Bits<8>>,
    dst_mac: DFF<Bits<48>>,
    src_mac_high: DFF<Bits<16>>,
    src_mac_low: DFF<Bits<32>>,
    vlan_tci: DFF<Bits<16>>,
    is_tagged: DFF<Bit>,
    is_ip: DFF<Bit>,
    ip_words: [DFF<Bits<32>>; 5],
    /// The beat before was a tagged frame's last: what it has of the next words is still in `previous`.
    ended_tagged: DFF<Bit>,
    even_words: [DFF<Bits<32>>; 8],
    odd_words: [DFF<Bits<32>>; 7],
    one_byte: Signal<Local, Bits<8>>,
    beat: Signal<Local, Bits<64>>,
    aligned: Signal<Local, Bits<64>>,
    first: Signal<Local, Bits<32>>,
    second: Signal<Local, Bits<32>>,
    even: Signal<Local, Bits<32>>,
    odd: Signal<Local, Bits<32>>,
    ihl_words: Signal<Local, Bits<4>>,
    tcp_begins: Signal<Local, Bit>,
    word: Signal<Local, Bits<32>>,
    tcp_words: Signal<Local, Bits<480>>,
    ipv4: Signal<Local, Bits<160>>,
    ethertype_ipv4: Constant<Bits<16>>,
    ethertype_vlan: Constant<Bits<16>>,
}

impl<const W: usize> Default for NarrowHeaders<W> {
    fn default() -> Self {
        assert!(W == 64);
        Self {
            clk: Default::default(),
            rst: Default::default(),
            beat_data: Default::default(),
            beat_valid: Default::default(),
            beat_last: Default::default(),
            headers: Default::default(),
            key: Default::default(),
            lookup_valid: Default::default(),
            lookup_near: Default::default(),
            ip_word0: Default::default(),
            is_tagged_now: Default::default(),
            state: Default::default(),
            previous: Default::default(),
            place: Default::default(),
            tcp_place: Default::default(),
            dst_mac: Default::default(),
            src_mac_high: Default::default(),
            src_mac_low: Default::default(),
            vlan_tci: Default::default(),
            is_tagged: Default::default(),
            is_ip: Default::default(),
            ip_words: Default::default(),
            ended_tagged: Default::default(),
            even_words: Default::default(),
            odd_words: Default::default(),
            one_byte: Default::default(),
            beat: Default::default(),
            aligned: Default::default(),
            first: Default::default(),
            second: Default::default(),
            even: Default::default(),
            odd: Default::default(),
            ihl_words: Default::default(),
            tcp_begins: Default::default(),
            word: Default::default(),
            tcp_words: Default::default(),
            ipv4: Default::default(),
            ethertype_ipv4: Constant::new(u64::from(ETHERTYPE_IPV4).into()),
            ethertype_vlan: Constant::new(u64::from(ETHERTYPE_VLAN).into()),
        }
    }
}

impl<const W: usize> Logic for NarrowHeaders<W> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, previous, place, tcp_place);
        dff_setup!(
            self,
            clk,
            dst_mac,
            src_mac_high,
            src_mac_low,
            vlan_tci,
            is_tagged,
            is_ip,
            ended_tagged
        );
        for i in 0..5 {
            self.ip_words[i].clock.next = self.clk.val();
            self.ip_words[i].d.next = self.ip_words[i].q.val();
        }
        for i in 0..8 {
            self.even_words[i].clock.next = self.clk.val();
            self.even_words[i].d.next = self.even_words[i].q.val();
        }
        for i in 0..7 {
            self.odd_words[i].clock.next = self.clk.val();
            self.odd_words[i].d.next = self.odd_words[i].q.val();
        }

        // Byte 0 most significant; then the 8 bytes behind the Ethernet header that this beat completes.
        self.beat.next = 0.into();
        for i in 0_usize..8 {
            self.one_byte.next = self.beat_data.val().get_bits::<8>(8 * i);
            self.beat.next = (self.beat.val() << 8) | bit_cast::<64, 8>(self.one_byte.val());
        }
        self.aligned.next = (self.previous.q.val() << 48) | (self.beat.val() >> 16);
        if self.is_tagged.q.val() {
            self.aligned.next = (self.previous.q.val() << 16) | (self.beat.val() >> 48);
        }
        self.first.next = self.aligned.val().get_bits::<32>(32);
        self.second.next = self.aligned.val().get_bits::<32>(0);
        self.ihl_words.next = self.ip_words[0].q.val().get_bits::<4>(24);
        self.even.next = self.first.val();
        self.odd.next = self.second.val();
        if self.ihl_words.val().get_bit(0) {
            self.even.next = self.second.val();
            self.odd.next = self.first.val();
        }

        // The beat behind this one completes TCP's first word.
        self.tcp_begins.next =
            ((self.place.q.val() + 1) == (self.ihl_words.val() >> 1)) & (self.ihl_words.val() >= 4);
        self.ended_tagged.d.next = self.beat_valid.val()
            & self.beat_last.val()
            & self.is_tagged.q.val()
            & (self.state.q.val() == HeaderState::Packet);
        self.lookup_valid.next = false;
        // The ports come with the fifth beat at the earliest, and not behind the longest headers.
        self.lookup_near.next =
            (self.state.q.val() != HeaderState::Addresses) & (self.place.q.val() != 9);
        if self.beat_valid.val() {
            self.previous.d.next = self.beat.val();
            match self.state.q.val() {
                HeaderState::Addresses => {
                    self.place.d.next = 15.into();
                    self.dst_mac.d.next = self.beat.val().get_bits::<48>(16);
                    self.src_mac_high.d.next = self.beat.val().get_bits::<16>(0);
                    self.state.d.next = HeaderState::EtherType;
                }
                HeaderState::EtherType => {
                    self.src_mac_low.d.next = self.beat.val().get_bits::<32>(32);
                    self.vlan_tci.d.next = self.beat.val().get_bits::<16>(0);
                    self.is_tagged.d.next =
                        self.beat.val().get_bits::<16>(16) == self.ethertype_vlan.val();
                    self.is_ip.d.next =
                        self.beat.val().get_bits::<16>(16) == self.ethertype_ipv4.val();
                    self.place.d.next = 0.into();
                    if self.beat.val().get_bits::<16>(16) == self.ethertype_vlan.val() {
                        self.place.d.next = 15.into();
                    }
                    self.tcp_place.d.next = 0.into();
                    self.state.d.next = HeaderState::Packet;
                }
                HeaderState::Packet => {
                    // Behind the longest headers the place stays.
                    if self.place.q.val() != 9 {
                        self.place.d.next = self.place.q.val() + 1;
                    }
                    self.tcp_place.d.next = self.tcp_place.q.val() << 1;
                    if self.tcp_begins.val() {
                        self.tcp_place.d.next = (self.tcp_place.q.val() << 1) | 1;
                    }
                    if self.place.q.val() == 15 {
                        // Behind the tag's control information.
                        self.is_ip.d.next =
                            self.beat.val().get_bits::<16>(48) == self.ethertype_ipv4.val();
                    }
                    if self.place.q.val() == 0 {
                        self.ip_words[0].d.next = self.first.val();
                        self.ip_words[1].d.next = self.second.val();
                    }
                    if self.place.q.val() == 1 {
                        self.ip_words[2].d.next = self.first.val();
                        self.ip_words[3].d.next = self.second.val();
                    }
                    if self.place.q.val() == 2 {
                        self.ip_words[4].d.next = self.first.val();
                    }
                    self.lookup_valid.next = self.tcp_place.q.val().get_bit(0);
                    for i in 0..8 {
                        if self.tcp_place.q.val().get_bit(i) {
                            self.even_words[i].d.next = self.even.val();
                        }
                    }
                    for i in 0..7 {
                        if (self.tcp_place.q.val().get_bit(i) & !self.ihl_words.val().get_bit(0))
                            | (self.tcp_place.q.val().get_bit(i + 1)
                                & self.ihl_words.val().get_bit(0))
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
        // A tagged frame's last six bytes make no whole place any more; the words that are whole in them, options, are taken as they stand.
        for i in 0..7 {
            self.word.next = self.even_words[i].q.val();
            if self.ended_tagged.q.val() & self.tcp_place.q.val().get_bit(i) {
                self.word.next = self.even.val();
            }
            self.tcp_words.next =
                (self.tcp_words.val() << 32) | bit_cast::<480, 32>(self.word.val());
            self.word.next = self.odd_words[i].q.val();
            if self.ended_tagged.q.val()
                & ((self.tcp_place.q.val().get_bit(i) & !self.ihl_words.val().get_bit(0))
                    | (self.tcp_place.q.val().get_bit(i + 1) & self.ihl_words.val().get_bit(0)))
            {
                self.word.next = self.odd.val();
            }
            self.tcp_words.next =
                (self.tcp_words.val() << 32) | bit_cast::<480, 32>(self.word.val());
        }
        self.word.next = self.even_words[7].q.val();
        if self.ended_tagged.q.val() & self.tcp_place.q.val().get_bit(7) {
            self.word.next = self.even.val();
        }
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
        self.key.next = (bit_cast::<96, 64>(self.ipv4.val().get_bits::<64>(0)) << 32)
            | bit_cast::<96, 32>(self.even_words[0].q.val());

        self.ip_word0.next = self.ip_words[0].q.val();
        if self.is_tagged.q.val() {
            // Bytes 18 to 21 have come with the third beat, and are taken with this one.
            self.ip_word0.next = self.previous.q.val().get_bits::<32>(16);
        }
        self.is_tagged_now.next = self.is_tagged.q.val();

        if self.rst.val() {
            self.state.d.next = HeaderState::Addresses;
            self.ended_tagged.d.next = false;
        }
    }
}
