//! Decides what becomes of a frame: it is dropped for the first reason that holds, or delivered under a verdict.
//!
//! ```text
//!  flags, checksums ──┐
//!  tables ────────────┼──> verdict, drop_reason, needs_slot
//!  configuration ─────┘
//! ```
//!
//! The reasons are checked in the order of [`RECEIVE_STEPS`](handclasp_layout::frame::RECEIVE_STEPS). Frames that the ingress drops never come here: `BadFrame`,
//! `FifoOverflow`, and outside monitor mode `Oversize`. Whether
//! there is room for its events and a slot for its bytes is for [`Dispatch`](super::dispatch::Dispatch). Combinational: no clock, no latency.

use crate::rx::frame::HeaderFlags;
use handclasp_layout::queue;
use rust_hdl::prelude::*;

/// The block that decides.
#[derive(LogicBlock)]
pub struct Verdict {
    /// What is wrong with the frame, and what it is.
    pub flags: Signal<In, HeaderFlags>,
    /// The IPv4 header's checksum is right.
    pub ip_checksum_ok: Signal<In, Bit>,
    /// The TCP checksum is right.
    pub tcp_checksum_ok: Signal<In, Bit>,
    /// A TCP option has an illegal length.
    pub bad_options: Signal<In, Bit>,
    /// There is a TCP payload.
    pub has_payload: Signal<In, Bit>,
    /// The segment's connection is known.
    pub is_flow: Signal<In, Bit>,
    /// Somebody listens on the segment's port.
    pub is_listening: Signal<In, Bit>,
    /// Frames are to be received.
    pub rx_enable: Signal<In, Bit>,
    /// The queue is enabled and has not stopped.
    pub queue_runs: Signal<In, Bit>,
    /// Address filters are off.
    pub promiscuous: Signal<In, Bit>,
    /// A `Verdict`.
    pub verdict: Signal<Out, Bits<8>>,
    /// A `DropReason`.
    pub drop_reason: Signal<Out, Bits<8>>,
    /// The frame is to be delivered, and has something to put into a slot.
    pub needs_slot: Signal<Out, Bit>,
    verdict_flow: Constant<Bits<8>>,
    verdict_listen: Constant<Bits<8>>,
    verdict_miss: Constant<Bits<8>>,
    verdict_raw: Constant<Bits<8>>,
    verdict_drop: Constant<Bits<8>>,
    reason_none: Constant<Bits<8>>,
    reason_oversize: Constant<Bits<8>>,
    reason_runt: Constant<Bits<8>>,
    reason_disabled: Constant<Bits<8>>,
    reason_mac_filter: Constant<Bits<8>>,
    reason_ip_header: Constant<Bits<8>>,
    reason_ip_checksum: Constant<Bits<8>>,
    reason_ip_filter: Constant<Bits<8>>,
    reason_fragment: Constant<Bits<8>>,
    reason_tcp_header: Constant<Bits<8>>,
    reason_tcp_checksum: Constant<Bits<8>>,
    reason_tcp_options: Constant<Bits<8>>,
}

impl Default for Verdict {
    fn default() -> Self {
        let verdict = |verdict: queue::Verdict| Constant::new((verdict as u64).into());
        let reason = |reason: queue::DropReason| Constant::new((reason as u64).into());
        Self {
            flags: Default::default(),
            ip_checksum_ok: Default::default(),
            tcp_checksum_ok: Default::default(),
            bad_options: Default::default(),
            has_payload: Default::default(),
            is_flow: Default::default(),
            is_listening: Default::default(),
            rx_enable: Default::default(),
            queue_runs: Default::default(),
            promiscuous: Default::default(),
            verdict: Default::default(),
            drop_reason: Default::default(),
            needs_slot: Default::default(),
            verdict_flow: verdict(queue::Verdict::Flow),
            verdict_listen: verdict(queue::Verdict::Listen),
            verdict_miss: verdict(queue::Verdict::Miss),
            verdict_raw: verdict(queue::Verdict::Raw),
            verdict_drop: verdict(queue::Verdict::Drop),
            reason_none: reason(queue::DropReason::None),
            reason_oversize: reason(queue::DropReason::Oversize),
            reason_runt: reason(queue::DropReason::Runt),
            reason_disabled: reason(queue::DropReason::Disabled),
            reason_mac_filter: reason(queue::DropReason::MacFilter),
            reason_ip_header: reason(queue::DropReason::IpHeader),
            reason_ip_checksum: reason(queue::DropReason::IpChecksum),
            reason_ip_filter: reason(queue::DropReason::IpFilter),
            reason_fragment: reason(queue::DropReason::Fragment),
            reason_tcp_header: reason(queue::DropReason::TcpHeader),
            reason_tcp_checksum: reason(queue::DropReason::TcpChecksum),
            reason_tcp_options: reason(queue::DropReason::TcpOptions),
        }
    }
}

impl Logic for Verdict {
    #[hdl_gen]
    fn update(&mut self) {
        self.verdict.next = self.verdict_drop.val();
        self.drop_reason.next = self.reason_none.val();
        self.needs_slot.next = false;
        if self.flags.val().is_oversize {
            self.drop_reason.next = self.reason_oversize.val();
        } else if self.flags.val().is_runt {
            self.drop_reason.next = self.reason_runt.val();
        } else if !self.rx_enable.val() | !self.queue_runs.val() {
            self.drop_reason.next = self.reason_disabled.val();
        } else if !self.flags.val().is_ours & !self.promiscuous.val() {
            self.drop_reason.next = self.reason_mac_filter.val();
        } else if !self.flags.val().is_ip {
            self.verdict.next = self.verdict_raw.val();
            self.needs_slot.next = true;
        } else if self.flags.val().bad_ip_header {
            self.drop_reason.next = self.reason_ip_header.val();
        } else if !self.ip_checksum_ok.val() {
            // RFC 1122 3.2.1.2
            self.drop_reason.next = self.reason_ip_checksum.val();
        } else if !self.flags.val().is_our_ip & !self.promiscuous.val() {
            self.drop_reason.next = self.reason_ip_filter.val();
        } else if self.flags.val().is_fragment {
            self.drop_reason.next = self.reason_fragment.val();
        } else if !self.flags.val().is_tcp {
            self.verdict.next = self.verdict_raw.val();
            self.needs_slot.next = true;
        } else if self.flags.val().bad_tcp_header {
            self.drop_reason.next = self.reason_tcp_header.val();
        } else if !self.tcp_checksum_ok.val() {
            // RFC 9293 MUST-3
            self.drop_reason.next = self.reason_tcp_checksum.val();
        } else if self.bad_options.val() {
            // RFC 9293 MUST-7
            self.drop_reason.next = self.reason_tcp_options.val();
        } else if self.is_flow.val() {
            self.verdict.next = self.verdict_flow.val();
            self.needs_slot.next = self.has_payload.val();
        } else if self.is_listening.val() {
            self.verdict.next = self.verdict_listen.val();
            self.needs_slot.next = self.has_payload.val();
        } else {
            self.verdict.next = self.verdict_miss.val();
            self.needs_slot.next = self.has_payload.val();
        }
    }
}
