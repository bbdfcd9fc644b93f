//! The headers of a frame, one beat at a time, with the 802.1Q tag if the connection has one.
//!
//! ```text
//!                   first beat
//!  job (load) ──────────────────────> ┌───────┐                       │ tag and
//!  held job ──> a bit for each beat ─>│ plain ├─> TCP's checksum ─┬─> │ moved by  ├─> data
//!               (step)                └───────┘                   │   │ 4 bytes   │
//!                                                   last 4 bytes ─┴──>│ carry │───┘
//! ```
//!
//! The tag (IEEE 802.1Q 9.6) moves what stands behind it by four bytes, from its beat to the headers' end. A Raw frame has no headers: all beats are
//! zero, as are bytes behind the headers' end.
//!
//! Latency: `data` is the frame's first beat in the cycle after `load`, the next one in the cycle after `step`. The sum of the segment may still
//! change until its beat is stepped over. Throughput: one beat a cycle. One clock; no reset, no errors, no counters.

use crate::tx::context::ConnectionContext;
use crate::tx::header_bytes::{HeaderBytes, HEADER_BITS};
use crate::tx::job::Job;
use handclasp_layout::frame::OPTIONS_MAX_BYTES;
use handclasp_layout::header::{EthernetHeader, Ipv4Header, TcpHeader, ETHERTYPE_VLAN};
use handclasp_verilog::{block, kernel};
use rust_hdl::prelude::*;

/// Headers at their longest, without tag.
const HEADER_BYTES_MAX: usize =
    EthernetHeader::SIZE_BYTES + Ipv4Header::SIZE_BYTES + TcpHeader::SIZE_BYTES + OPTIONS_MAX_BYTES;
/// Where TCP's checksum begins.
const TCP_CHECKSUM_BYTE: usize = EthernetHeader::SIZE_BYTES + Ipv4Header::SIZE_BYTES + 16;

/// The headers: W bits (K bytes) a beat.
// The tag stands before the EtherType, and fits into its beat.
#[block(K * 8 == W, K.is_power_of_two(), HEADER_BITS.is_multiple_of(W))]
pub struct Header<const W: usize, const K: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Own MAC address.
    pub mac: Signal<In, Bits<48>>,
    /// The next job.
    pub job: Signal<In, Job>,
    /// Ones' complement sum of its IPv4 header.
    pub job_sum_ip: Signal<In, Bits<16>>,
    /// From the next cycle on it is the held one.
    pub load: Signal<In, Bit>,
    /// The held job, until the last beat stands at `data`.
    pub held: Signal<In, Job>,
    /// Ones' complement sum of its IPv4 header.
    pub sum_ip: Signal<In, Bits<16>>,
    /// Ones' complement sum of pseudo-header and segment.
    pub sum_tcp: Signal<In, Bits<16>>,
    /// On to the next beat; not with `load`.
    pub step: Signal<In, Bit>,
    /// The beat, first byte in the lowest lane.
    pub data: Signal<Out, Bits<W>>,
    /// Of the next job, and of the held one.
    #[len(2)]
    makers: Vec<HeaderBytes>,
    /// The beat as if there were no tag, and no checksum of TCP.
    plain: DFF<Bits<W>>,
    /// The last four bytes of the beat before.
    carry: DFF<Bits<32>>,
    /// The next beat is so many beats behind the first. None: there are no more headers.
    #[len(Self::BEATS + 1)]
    is_next: Vec<DFF<Bit>>,
    /// The tag stands in the beat.
    has_tag: DFF<Bit>,
    /// The tag stood in a beat before.
    is_moved: DFF<Bit>,
    /// What is in the tag.
    vlan_tci: DFF<Bits<16>>,
    /// TCP's checksum stands in the beat.
    has_checksum: DFF<Bit>,
    connection: Signal<Local, ConnectionContext>,
    next_connection: Signal<Local, ConnectionContext>,
    next: Signal<Local, Bits<W>>,
    one: Signal<Local, Bits<W>>,
    summed: Signal<Local, Bits<W>>,
    checksum: Signal<Local, Bits<16>>,
    tag: Signal<Local, Bits<32>>,
    moved: Signal<Local, Bits<W>>,
    /// Bits of the tag's beat before it.
    #[value(!ones_from(Self::TAG_BIT))]
    before_tag: Constant<Bits<W>>,
    /// Bits of that beat behind it.
    #[value(if Self::TAG_BIT + 32 < W {
                ones_from(Self::TAG_BIT + 32)
            } else {
                0_u64.into()
            })]
    behind_tag: Constant<Bits<W>>,
}

impl<const W: usize, const K: usize> Header<W, K> {
    /// Beats with headers.
    const BEATS: usize = HEADER_BYTES_MAX.div_ceil(K);
    /// Beat in which the tag stands: before the EtherType.
    const TAG_BEAT: usize = (EthernetHeader::SIZE_BYTES - 2) / K;
    /// Bit of that beat at which it begins.
    const TAG_BIT: usize = (EthernetHeader::SIZE_BYTES - 2) % K * 8;
    /// Beat in which TCP's checksum stands.
    const CHECKSUM_BEAT: usize = TCP_CHECKSUM_BYTE / K;
}

/// All bits from `from` on.
fn ones_from<const W: usize>(from: usize) -> Bits<W> {
    Bits::mask() << (from as u64)
}

#[kernel]
impl<const W: usize, const K: usize> Logic for Header<W, K> {
    fn update(&mut self) {
        let ethertype_vlan: Bits<16> = ETHERTYPE_VLAN;
        let top_word: Bits<10> = W as u64 - 32;
        let tag_bit: Bits<10> = Self::TAG_BIT;
        let checksum_bit: Bits<10> = TCP_CHECKSUM_BYTE % K * 8;
        let first_has_tag: Bits<1> = (Self::TAG_BEAT == 0) as u64;
        let first_has_checksum: Bits<1> = (Self::CHECKSUM_BEAT == 0) as u64;

        self.makers[0].mac.next = self.mac.val();
        self.makers[0].job.next = self.job.val();
        self.makers[0].sum_ip.next = self.job_sum_ip.val();
        self.makers[1].mac.next = self.mac.val();
        self.makers[1].job.next = self.held.val();
        self.makers[1].sum_ip.next = self.sum_ip.val();

        self.connection.next = self.held.val().context;
        self.next_connection.next = self.job.val().context;

        // One of the beats, or none: a pair of them in each LUT, where a multiplexer with a number takes twice as many.
        self.next.next = 0.into();
        for n in 1..Self::BEATS {
            self.one.next = 0.into();
            if self.is_next[n].q.val() {
                self.one.next = self.makers[1].bytes.val().get_bits::<W>(W * n);
            }
            self.next.next = self.next.val() | self.one.val();
        }
        if self.step.val() {
            self.plain.d.next = self.next.val();
            self.carry.d.next = bit_cast::<32, W>(self.summed.val() >> top_word);
            for n in 1..Self::BEATS {
                self.is_next[n + 1].d.next = self.is_next[n].q.val();
            }
            self.is_next[1].d.next = false;
            self.is_moved.d.next = self.is_moved.q.val() | self.has_tag.q.val();
            for n in Self::TAG_BEAT..(Self::TAG_BEAT + 1) {
                self.has_tag.d.next = self.is_next[n].q.val() & self.connection.val().has_vlan;
            }
            for n in Self::CHECKSUM_BEAT..(Self::CHECKSUM_BEAT + 1) {
                self.has_checksum.d.next = self.is_next[n].q.val();
            }
        }
        self.is_next[0].d.next = false;
        if self.load.val() {
            self.plain.d.next = 0.into();
            if self.job.val().is_segment {
                self.plain.d.next = self.makers[0].bytes.val().get_bits::<W>(0);
            }
            for n in 1..(Self::BEATS + 1) {
                self.is_next[n].d.next = false;
            }
            self.is_next[1].d.next = self.job.val().is_segment;
            self.is_moved.d.next = false;
            self.vlan_tci.d.next = self.next_connection.val().vlan_tci;
            self.has_tag.d.next = first_has_tag.any()
                & self.job.val().is_segment
                & self.next_connection.val().has_vlan;
            self.has_checksum.d.next = first_has_checksum.any() & self.job.val().is_segment;
        }

        // The beat, and the four bytes that a tag moves into the next one.
        self.checksum.next = 0.into();
        if self.has_checksum.q.val() {
            self.checksum.next = !((self.sum_tcp.val() << 8) | (self.sum_tcp.val() >> 8));
        }
        self.summed.next =
            self.plain.q.val() | (bit_cast::<W, 16>(self.checksum.val()) << checksum_bit);
        self.moved.next = (self.summed.val() << 32) | bit_cast::<W, 32>(self.carry.q.val());
        self.tag.next = (bit_cast::<32, 16>((ethertype_vlan << 8) | (ethertype_vlan >> 8)))
            | (bit_cast::<32, 16>((self.vlan_tci.q.val() << 8) | (self.vlan_tci.q.val() >> 8))
                << 16);
        self.data.next = self.summed.val();
        if self.has_tag.q.val() {
            self.data.next = (self.summed.val() & self.before_tag.val())
                | (bit_cast::<W, 32>(self.tag.val()) << tag_bit)
                | (self.moved.val() & self.behind_tag.val());
        }
        if self.is_moved.q.val() {
            self.data.next = self.moved.val();
        }
    }
}
