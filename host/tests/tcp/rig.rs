//! One connection, and a peer played by the test.

use crate::network::Endpoint;
use crate::notation::{parse, render};
use handclasp_host::tcp::{Config, Connection, State};

pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000 * MS;

/// Our initial sequence number is 100, the peer's 300, as in the RFC's figures.
pub struct Rig {
    pub endpoint: Endpoint,
    pub now: u64,
}

/// Neither timestamps nor window scale nor SACK: what RFC 9293 alone knows.
pub fn plain() -> Config {
    Config {
        timestamps: false,
        window_scale: false,
        sack: false,
        ..Config::default()
    }
}

const BUFFER: usize = 16_384;

impl Rig {
    /// SYN-SENT; the SYN is sent.
    pub fn syn_sent() -> Self {
        let mut rig = Self::connect(plain(), BUFFER, BUFFER);
        rig.sends(&["<SEQ=100><CTL=SYN>"]);
        rig
    }

    /// SYN-SENT; the SYN is not sent yet.
    pub fn connect(config: Config, send: usize, receive: usize) -> Self {
        let now = 1_000 * S;
        Self {
            endpoint: Endpoint::connect(config, now, 100, send, receive),
            now,
        }
    }

    /// SYN-RECEIVED by a SYN to a listener; the SYN+ACK is not sent yet.
    pub fn accept(config: Config, send: usize, receive: usize, syn: &str) -> Self {
        let now = 1_000 * S;
        let (syn, _) = parse(syn);
        Self {
            endpoint: Endpoint::accept(config, now, 100, send, receive, &syn),
            now,
        }
    }

    /// SYN-RECEIVED by a SYN to a listener; the SYN+ACK is sent.
    pub fn syn_received() -> Self {
        let mut rig = Self::accept(plain(), BUFFER, BUFFER, "<SEQ=300><CTL=SYN><MSS=1000>");
        rig.sends(&["<SEQ=100><ACK=301><CTL=SYN,ACK>"]);
        rig
    }

    /// ESTABLISHED by an active open, with SND.NXT 101, RCV.NXT 301, MSS 1000, window 4096 each.
    pub fn established() -> Self {
        Self::established_with(plain(), BUFFER, BUFFER, "<MSS=1000>")
    }

    pub fn established_with(config: Config, send: usize, receive: usize, options: &str) -> Self {
        let mut rig = Self::connect(config, send, receive);
        rig.all();
        rig.arrives(&format!("<SEQ=300><ACK=101><CTL=SYN,ACK>{options}"));
        rig.sends(&["<SEQ=101><ACK=301><CTL=ACK>"]);
        assert_eq!(rig.state(), State::Established);
        rig
    }

    /// FIN-WAIT-1; the FIN (101) is sent.
    pub fn fin_wait_1() -> Self {
        let mut rig = Self::established();
        rig.connection().shutdown_write();
        rig.sends(&["<SEQ=101><ACK=301><CTL=FIN,ACK>"]);
        assert_eq!(rig.state(), State::FinWait1);
        rig
    }

    pub fn fin_wait_2() -> Self {
        let mut rig = Self::fin_wait_1();
        rig.arrives("<SEQ=301><ACK=102><CTL=ACK>");
        assert_eq!(rig.state(), State::FinWait2);
        rig
    }

    pub fn closing() -> Self {
        let mut rig = Self::fin_wait_1();
        rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK>");
        rig.sends(&["<SEQ=102><ACK=302><CTL=ACK>"]);
        assert_eq!(rig.state(), State::Closing);
        rig
    }

    pub fn time_wait() -> Self {
        let mut rig = Self::fin_wait_2();
        rig.arrives("<SEQ=301><ACK=102><CTL=FIN,ACK>");
        rig.sends(&["<SEQ=102><ACK=302><CTL=ACK>"]);
        assert_eq!(rig.state(), State::TimeWait);
        rig
    }

    pub fn close_wait() -> Self {
        let mut rig = Self::established();
        rig.arrives("<SEQ=301><ACK=101><CTL=FIN,ACK>");
        rig.sends(&["<SEQ=101><ACK=302><CTL=ACK>"]);
        assert_eq!(rig.state(), State::CloseWait);
        rig
    }

    pub fn last_ack() -> Self {
        let mut rig = Self::close_wait();
        rig.connection().shutdown_write();
        rig.sends(&["<SEQ=101><ACK=302><CTL=FIN,ACK>"]);
        assert_eq!(rig.state(), State::LastAck);
        rig
    }

    pub fn connection(&mut self) -> &mut Connection {
        &mut self.endpoint.connection
    }

    pub fn state(&self) -> State {
        self.endpoint.connection.state()
    }

    /// The peer's segment arrives.
    pub fn arrives(&mut self, text: &str) {
        let (segment, payload) = parse(text);
        let now = self.now;
        self.connection().segment_arrives(now, &segment, &payload);
    }

    /// Exactly these segments are sent now, in this order. PSH is left out of the comparison unless it is asked for.
    #[track_caller]
    pub fn sends(&mut self, expected: &[&str]) {
        let mut actual = Vec::new();
        while let Some(sent) = self.endpoint.next(self.now) {
            let like = expected.get(actual.len()).copied().unwrap_or("");
            let mut segment = sent.segment;
            if !like.contains("PSH") {
                segment.flags &= !handclasp_layout::header::tcp_flags::PSH;
            }
            actual.push(render(&segment, &sent.payload, like));
            assert!(actual.len() < 10_000, "never stops sending");
        }
        assert_eq!(actual, expected);
    }

    /// Nothing is sent now.
    #[track_caller]
    pub fn sends_nothing(&mut self) {
        self.sends(&[]);
    }

    /// All that is sent now.
    pub fn all(&mut self) -> Vec<crate::network::Sent> {
        std::iter::from_fn(|| self.endpoint.next(self.now)).collect()
    }

    /// Time passes; timers that expire on the way do so at their time, but nothing is sent before the end.
    pub fn wait(&mut self, time: u64) {
        let end = self.now + time;
        while let Some(deadline) = self.connection().deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            let now = self.now;
            self.connection().timeout(now);
        }
        self.now = end;
    }

    /// The next deadline passes; says how far off it was.
    pub fn wait_for_deadline(&mut self) -> u64 {
        let deadline = self.connection().deadline().expect("a timer runs");
        let time = deadline - self.now;
        self.wait(time);
        time
    }

    /// Reads all that is there.
    pub fn read(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut buffer = [0; 1000];
        while let Ok(Some(count @ 1..)) = self.connection().receive(&mut buffer) {
            all.extend_from_slice(&buffer[..count]);
        }
        all
    }

    pub fn send(&mut self, data: &[u8]) {
        assert_eq!(self.connection().send(data), Ok(data.len()));
    }
}
