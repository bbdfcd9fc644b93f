//! Two ends of a stack in one process, and what they are asked to do.

use super::traffic::Traffic;
use super::Stack;
use crate::meter::{End, Meter};
use crate::BenchError;

/// Time between connections: ten a second. What a stack keeps of those that are over (TIME-WAIT: a minute) is in reach of
/// a short warm-up then.
const CONNECTION_INTERVAL_NS: u64 = 100_000_000;
/// Time that frames are under way.
const WIRE_NS: u64 = 5_000;
/// Time that passes when nothing moves, for delayed acknowledgements and the like.
const STALL_NS: u64 = 10_000_000;
/// Stalls before the stack counts as stuck.
const STALLS_MAX: u32 = 100;

/// Client and server of a stack that is a library. The time is virtual.
pub trait Ends {
    /// The stack's name.
    const NAME: &'static str;
    /// False for a stack that only pretends to.
    const MOVES_BYTES: bool = true;

    /// What an application would have done long before: not measured.
    ///
    /// # Errors
    /// The stack refused.
    fn prepare(&mut self, now_ns: u64) -> Result<(), BenchError>;

    /// The client begins to connect, and sends its SYN.
    ///
    /// # Errors
    /// The stack refused.
    fn connect(&mut self, now_ns: u64) -> Result<(), BenchError>;

    /// Whether the end's connection is established; the server accepts it then.
    ///
    /// # Errors
    /// The connection failed.
    fn is_established(&mut self, end: End) -> Result<bool, BenchError>;

    /// Takes what has arrived at the end, and sends what is due.
    ///
    /// # Errors
    /// The stack failed.
    fn poll(&mut self, end: End, now_ns: u64) -> Result<(), BenchError>;

    /// Gives bytes to send and has them sent; says how many were taken.
    ///
    /// # Errors
    /// The connection failed.
    fn send(&mut self, end: End, now_ns: u64, data: &[u8]) -> Result<usize, BenchError>;

    /// Takes bytes that have arrived; says how many.
    ///
    /// # Errors
    /// The connection failed.
    fn receive(&mut self, end: End, out: &mut [u8]) -> Result<usize, BenchError>;

    /// Whether the peer has closed, and all that it sent was received.
    ///
    /// # Errors
    /// The connection failed.
    fn is_at_end(&mut self, end: End) -> Result<bool, BenchError>;

    /// Closes the end's connection, and has its FIN sent.
    ///
    /// # Errors
    /// The stack failed.
    fn close(&mut self, end: End, now_ns: u64) -> Result<(), BenchError>;

    /// What is under way to an end arrives there, for its next poll; says whether anything did. Never measured.
    ///
    /// # Errors
    /// What carries it failed.
    fn carry(&mut self, to: End, now_ns: u64) -> Result<bool, BenchError>;
}

/// [`Ends`] doing the works.
#[derive(Debug)]
pub struct InMemory<E> {
    ends: E,
    now_ns: u64,
    traffic: Traffic,
}

impl<E: Ends> InMemory<E> {
    /// Two ends that have not met.
    pub fn new(ends: E) -> Self {
        Self {
            ends,
            now_ns: 0,
            traffic: Traffic::default(),
        }
    }

    fn check(&self, arrived_at: End) -> Result<(), BenchError> {
        if E::MOVES_BYTES {
            self.traffic.check(E::NAME, arrived_at)
        } else {
            Ok(())
        }
    }

    /// Lets what is under way arrive, at one end after the other, and has `act` poll and go on there, until nothing is under
    /// way. The work is done when `act` last said so; when it is not, time passes.
    fn settle<M: Meter>(
        &mut self,
        work: &'static str,
        meter: &mut M,
        mut act: impl FnMut(&mut E, &mut Traffic, End, u64) -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        let mut done = false;
        let mut stalls = 0;
        loop {
            let mut quiet = true;
            for end in [End::Server, End::Client] {
                self.now_ns += WIRE_NS;
                if self.ends.carry(end, self.now_ns)? || stalls > 0 {
                    let (ends, traffic, now_ns) = (&mut self.ends, &mut self.traffic, self.now_ns);
                    done = meter.section(end, || act(ends, traffic, end, now_ns))?;
                    quiet &= stalls > 0;
                }
            }
            match (quiet, done) {
                (true, true) => return Ok(()),
                (true, false) if stalls == STALLS_MAX => {
                    return Err(BenchError::Stuck {
                        stack: E::NAME,
                        work,
                    })
                }
                (true, false) => {
                    stalls += 1;
                    self.now_ns += STALL_NS;
                }
                (false, _) => stalls = 0,
            }
        }
    }
}

impl<E: Ends> Stack for InMemory<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn open(&mut self, meter: &mut impl Meter) -> Result<(), BenchError> {
        self.now_ns += CONNECTION_INTERVAL_NS;
        let (ends, now_ns) = (&mut self.ends, self.now_ns);
        ends.prepare(now_ns)?;
        meter.section(End::Client, || ends.connect(now_ns))?;
        let (mut client, mut server) = (false, false);
        self.settle("handshake", meter, |ends, _, end, now_ns| {
            ends.poll(end, now_ns)?;
            let established = match end {
                End::Client => &mut client,
                End::Server => &mut server,
            };
            if !*established {
                *established = ends.is_established(end)?;
            }
            Ok(client && server)
        })
    }

    fn echo(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError> {
        self.traffic.prepare(size_bytes);
        let (ends, traffic, now_ns) = (&mut self.ends, &mut self.traffic, self.now_ns);
        let mut asked = meter.section(End::Client, || {
            ends.send(End::Client, now_ns, traffic.to_send())
        })?;
        let (mut heard, mut answered, mut received) = (0, 0, 0);
        self.settle("echo", meter, |ends, traffic, end, now_ns| {
            ends.poll(end, now_ns)?;
            match end {
                End::Client => {
                    if asked < size_bytes {
                        asked += ends.send(end, now_ns, &traffic.to_send()[asked..])?;
                    }
                    received += ends.receive(end, &mut traffic.at_client[received..])?;
                }
                End::Server => {
                    if heard < size_bytes {
                        heard += ends.receive(end, &mut traffic.at_server[heard..])?;
                    }
                    if heard == size_bytes && answered < size_bytes {
                        answered += ends.send(end, now_ns, &traffic.at_server[answered..])?;
                    }
                }
            }
            Ok(received == size_bytes)
        })?;
        self.check(End::Client)
    }

    fn transfer(&mut self, size_bytes: usize, meter: &mut impl Meter) -> Result<(), BenchError> {
        self.traffic.prepare(size_bytes);
        let (ends, traffic, now_ns) = (&mut self.ends, &mut self.traffic, self.now_ns);
        let mut sent = meter.section(End::Client, || {
            ends.send(End::Client, now_ns, traffic.to_send())
        })?;
        let mut received = 0;
        self.settle("stream", meter, |ends, traffic, end, now_ns| {
            ends.poll(end, now_ns)?;
            match end {
                End::Client if sent < size_bytes => {
                    sent += ends.send(end, now_ns, &traffic.to_send()[sent..])?;
                }
                End::Server if received < size_bytes => {
                    received += ends.receive(end, &mut traffic.at_server[received..])?;
                }
                _ => {}
            }
            Ok(received == size_bytes)
        })?;
        self.check(End::Server)
    }

    fn close(&mut self, meter: &mut impl Meter) -> Result<(), BenchError> {
        let (ends, now_ns) = (&mut self.ends, self.now_ns);
        meter.section(End::Client, || ends.close(End::Client, now_ns))?;
        let mut closed = false;
        self.settle("close", meter, |ends, _, end, now_ns| {
            ends.poll(end, now_ns)?;
            if end == End::Server && !closed && ends.is_at_end(end)? {
                ends.close(end, now_ns)?;
                closed = true;
            }
            Ok(closed)
        })
    }
}
