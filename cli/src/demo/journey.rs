//! Puts together what hosts, NICs and wire have seen into the packets of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use handclasp_host::tcp::{Segment, State};
use handclasp_host::{Host, Observation as HostObservation};
use handclasp_layout::header::{
    tcp_flags, EthernetHeader, Ipv4Header, TcpHeader, ETHERTYPE_IPV4, PROTOCOL_TCP,
};
use handclasp_layout::queue::ENTRY_BYTES;
use handclasp_sim::observation::{Observation, Span};
use handclasp_sim::world::World;

use crate::ladder::{Packet, Side, Spent, States};

/// A segment as a host saw it.
struct Seen {
    segment: Segment,
    /// Of the socket, after the segment.
    after: String,
    at_ns: u64,
    /// Measured time of the host code that led to it.
    host_ns: Option<u64>,
}

/// A TCP frame as it was at a NIC's port.
struct Frame {
    header: TcpHeader,
    span: Span,
}

impl Frame {
    /// `None` when the frame is not TCP over IPv4 (without options and VLAN tag: as both ends here send).
    fn new(frame: &[u8], span: Span) -> Option<Self> {
        let (ethernet, rest) = frame.split_first_chunk::<{ EthernetHeader::SIZE_BYTES }>()?;
        let (ip, rest) = rest.split_first_chunk::<{ Ipv4Header::SIZE_BYTES }>()?;
        let is_tcp = EthernetHeader::decode(ethernet).ethertype == ETHERTYPE_IPV4
            && Ipv4Header::decode(ip).protocol == PROTOCOL_TCP;
        let header = TcpHeader::decode(rest.first_chunk()?);
        is_tcp.then_some(Self { header, span })
    }

    fn is(&self, segment: &Segment) -> bool {
        (self.header.seq, self.header.ack, self.header.tcp_flags)
            == (segment.seq.0, segment.ack.0, segment.flags)
    }
}

/// Finds the frame of each segment; they are in the same order, but frames of other connections may lie between.
fn spans<'a>(seen: &'a [Seen], frames: &'a [Frame]) -> impl Iterator<Item = Span> + 'a {
    let mut frames = frames.iter();
    seen.iter().map_while(move |seen| {
        frames
            .find(|frame| frame.is(&seen.segment))
            .map(|frame| frame.span)
    })
}

/// What one side has seen.
#[derive(Default)]
struct Log {
    sent: Vec<Seen>,
    arrived: Vec<Seen>,
    /// TCP frames out of and into the NIC.
    tx: Vec<Frame>,
    rx: Vec<Frame>,
    /// Commands and events on the bus.
    reads: Vec<Span>,
    writes: Vec<Span>,
    /// Order in which packets and state changes were: (is sent, index).
    order: Vec<(bool, usize)>,
    /// When the host code now running began.
    mark: Option<Instant>,
    /// There was a connection, and there is none any more.
    is_over: bool,
}

/// Collects the journey of one connection.
#[derive(Clone, Default)]
pub struct Journey {
    /// By number of the NIC.
    logs: Arc<Mutex<[Log; 2]>>,
}

impl Journey {
    fn logs(&self) -> MutexGuard<'_, [Log; 2]> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the NICs of a world.
    pub fn watch_world(&self, world: &World) {
        let journey = self.clone();
        world.observe(Box::new(move |nic, observation| {
            let mut logs = journey.logs();
            let Some(log) = logs.get_mut(nic) else {
                return;
            };
            match *observation {
                Observation::TxFrame { frame, span, .. } => log.tx.extend(Frame::new(frame, span)),
                Observation::RxFrame { frame, span, .. } => log.rx.extend(Frame::new(frame, span)),
                Observation::DmaRead { span, .. } => log.reads.push(span),
                Observation::DmaWrite {
                    len_bytes, span, ..
                } if len_bytes == ENTRY_BYTES as u64 => {
                    log.writes.push(span);
                }
                _ => {}
            }
        }));
    }

    /// Watches the host on a NIC.
    pub fn watch_host(&self, nic: usize, host: &Host) {
        let journey = self.clone();
        host.observe(Some(Box::new(move |observation| {
            let mut logs = journey.logs();
            let Some(log) = logs.get_mut(nic) else {
                return;
            };
            match *observation {
                HostObservation::Sent {
                    at_ns,
                    segment,
                    after,
                    ..
                } => {
                    let now = Instant::now();
                    let host_ns = log.mark.map(|mark| (now - mark).as_nanos() as u64);
                    log.mark = log.mark.map(|_| now);
                    log.order.push((true, log.sent.len()));
                    log.sent.push(Seen {
                        segment,
                        after: name(after),
                        at_ns,
                        host_ns,
                    });
                }
                HostObservation::Arrived {
                    at_ns,
                    segment,
                    after,
                    ..
                } => {
                    log.order.push((false, log.arrived.len()));
                    log.arrived.push(Seen {
                        segment,
                        after: name(after),
                        at_ns,
                        host_ns: None,
                    });
                }
                HostObservation::Changed {
                    after: None | Some(State::Closed),
                    ..
                } => log.is_over = true,
                _ => {}
            }
        })));
    }

    /// The connection of a side is forgotten.
    pub fn is_over(&self, nic: usize) -> bool {
        self.logs().get(nic).is_some_and(|log| log.is_over)
    }

    /// The host code of a side begins to work: what it sends next has cost the time since now.
    pub fn mark(&self, nic: usize) {
        if let Some(log) = self.logs().get_mut(nic) {
            log.mark = Some(Instant::now());
        }
    }

    /// The packets between NIC 0 (the client) and NIC 1 (the server), in the order they were on the wire. None was lost.
    pub fn between_nics(&self) -> Vec<Packet> {
        let logs = self.logs();
        let mut packets = Vec::new();
        for (from, side) in [(0, Side::Client), (1, Side::Server)] {
            let (sender, receiver) = (&logs[from], &logs[1 - from]);
            let sent_states = states(sender, true, from);
            let arrived_states = states(receiver, false, 1 - from);
            let sent = sender.sent.iter().zip(spans(&sender.sent, &sender.tx));
            let arrived = receiver
                .arrived
                .iter()
                .zip(spans(&receiver.arrived, &receiver.rx));
            for (((sent, tx), before), ((arrived, rx), after)) in
                sent.zip(sent_states).zip(arrived.zip(arrived_states))
            {
                let (client, server) = match side {
                    Side::Client => (before, after),
                    Side::Server => (after, before),
                };
                let mut packet = packet(side, &sent.segment, &tx, &rx);
                (packet.client, packet.server) = (Some(client), Some(server));
                packet.spent = spent(sender, sent, &tx, receiver, arrived, &rx);
                packets.push(packet);
            }
        }
        finish(packets, [initial(&logs[0]), initial(&logs[1])])
    }

    /// The packets between NIC 0 and a kernel, whose side nobody here sees.
    pub fn with_kernel(&self, our_side: Side) -> Vec<Packet> {
        let logs = self.logs();
        let log = &logs[0];
        let their_side = match our_side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let us = usize::from(our_side == Side::Server);
        let mut packets = Vec::new();
        for (is_sent, side, seen, frames) in [
            (true, our_side, &log.sent, &log.tx),
            (false, their_side, &log.arrived, &log.rx),
        ] {
            let spans = spans(seen, frames);
            for ((seen, span), states) in seen.iter().zip(spans).zip(states(log, is_sent, us)) {
                let mut packet = packet(side, &seen.segment, &span, &span);
                match our_side {
                    Side::Client => packet.client = Some(states),
                    Side::Server => packet.server = Some(states),
                }
                packets.push(packet);
            }
        }
        let ours = initial(log);
        let theirs = log.arrived.first().map_or(0, |seen| seen.segment.seq.0);
        finish(
            packets,
            if us == 0 {
                [ours, theirs]
            } else {
                [theirs, ours]
            },
        )
    }
}

fn name(state: Option<State>) -> String {
    state.map_or("CLOSED", State::name).to_owned()
}

/// First sequence number that a side sent.
fn initial(log: &Log) -> u32 {
    log.sent.first().map_or(0, |seen| seen.segment.seq.0)
}

/// The socket's state before and after each packet that was sent (or arrived), seen from packet to packet.
fn states(log: &Log, want_sent: bool, nic: usize) -> Vec<States> {
    let mut before = if nic == 0 { "CLOSED" } else { "LISTEN" };
    let mut states = Vec::new();
    for &(is_sent, index) in &log.order {
        let list = if is_sent { &log.sent } else { &log.arrived };
        let Some(seen) = list.get(index) else {
            continue;
        };
        if is_sent == want_sent {
            states.push(States {
                before: before.to_owned(),
                after: seen.after.clone(),
            });
        }
        before = &seen.after;
    }
    states
}

fn packet(from: Side, segment: &Segment, tx: &Span, rx: &Span) -> Packet {
    Packet {
        from,
        cycle: tx.first.cycle,
        at_ns: tx.first.now_ns,
        arrived_ns: rx.first.now_ns,
        flags: flags(segment.flags),
        seq: segment.seq.0,
        ack: (segment.flags & tcp_flags::ACK != 0).then_some(segment.ack.0),
        payload_len_bytes: segment.payload_len_bytes.into(),
        options: options(segment),
        client: None,
        server: None,
        spent: Spent::default(),
    }
}

/// Puts packets into the order of the wire, and sequence numbers and times relative to the first.
fn finish(mut packets: Vec<Packet>, initial: [u32; 2]) -> Vec<Packet> {
    packets.sort_by_key(|packet| (packet.at_ns, packet.arrived_ns));
    let begin = packets
        .first()
        .map_or((0, 0), |packet| (packet.cycle, packet.at_ns));
    for packet in &mut packets {
        let (own, peer) = match packet.from {
            Side::Client => (initial[0], initial[1]),
            Side::Server => (initial[1], initial[0]),
        };
        packet.cycle = packet.cycle.saturating_sub(begin.0);
        packet.at_ns = packet.at_ns.saturating_sub(begin.1);
        packet.arrived_ns = packet.arrived_ns.saturating_sub(begin.1);
        packet.seq = packet.seq.wrapping_sub(own);
        packet.ack = packet.ack.map(|ack| ack.wrapping_sub(peer));
    }
    packets
}

/// Where the time between the sender's command and the receiver's knowledge went.
fn spent(sender: &Log, sent: &Seen, tx: &Span, receiver: &Log, arrived: &Seen, rx: &Span) -> Spent {
    // The command is the first thing read after the host gave it; payload is read after it.
    let fetched = (sender.reads.iter())
        .find(|read| read.first.now_ns >= sent.at_ns)
        .map(|read| read.last.now_ns)
        .filter(|fetched| *fetched <= tx.first.now_ns);
    // The event is the last thing written before the host saw it.
    let written = (receiver.writes.iter())
        .map(|write| write.last.now_ns)
        .filter(|written| (rx.last.now_ns..=arrived.at_ns).contains(written))
        .min();
    let both = fetched.zip(written);
    Spent {
        host_ns: sent.host_ns,
        queue_ns: both.map(|(fetched, written)| {
            fetched.saturating_sub(sent.at_ns) + arrived.at_ns.saturating_sub(written)
        }),
        gateware_ns: both.map(|(fetched, written)| {
            tx.first.now_ns.saturating_sub(fetched) + written.saturating_sub(rx.first.now_ns)
        }),
        wire_ns: Some(rx.first.now_ns.saturating_sub(tx.first.now_ns)),
    }
}

fn flags(flags: u16) -> String {
    let names = [
        (tcp_flags::SYN, "SYN"),
        (tcp_flags::FIN, "FIN"),
        (tcp_flags::RST, "RST"),
        (tcp_flags::PSH, "PSH"),
        (tcp_flags::URG, "URG"),
        (tcp_flags::ACK, "ACK"),
    ];
    let names: Vec<_> = (names.into_iter())
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, name)| name)
        .collect();
    names.join(" ")
}

fn options(segment: &Segment) -> String {
    let options = &segment.options;
    let mut items = Vec::new();
    if let Some(mss) = options.mss {
        items.push(format!("mss={mss}"));
    }
    if let Some(scale) = options.window_scale {
        items.push(format!("ws={scale}"));
    }
    if options.sack_permitted {
        items.push("sackok".into());
    }
    if let Some((value, echo)) = options.timestamps {
        items.push(format!("ts={value}:{echo}"));
    }
    for block in options.sack.as_slice() {
        items.push(format!("sack={}-{}", block.left.0, block.right.0));
    }
    items.join(",")
}
