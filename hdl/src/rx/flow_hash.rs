//! Hashes a flow's key twice, under a secret.
//!
//! ```text
//!  ports ───────┐   ┌────────────┐  half  ┌────────────┐──> first
//!  remote_ip ───┼──>│ add-xor-   │──────> │ add-xor-   │──> second
//!  local_ip ────┤   │ rotate x 2 │        │ rotate x 2 │
//!  secret ──────┘   └────────────┘        └────────────┘
//! ```
//!
//! One ChaCha quarter round (RFC 8439 2.1) over ports, remote address, local address and secret. It is not linear in the secret: whoever does not
//! know it cannot name two flows that share a set whatever it is, as he could with a CRC or a Toeplitz hash of so short a key.
//!
//! Latency: 1 cycle (the outputs are combinational behind one register). Throughput: one key a cycle. One clock; no reset.

use rust_hdl::prelude::*;

/// The hash, of S bits each.
#[derive(LogicBlock, Default)]
pub struct FlowHash<const S: usize> {
    /// Clock.
    pub clk: Signal<In, Clock>,
    /// Remote address, local address, remote port, local port.
    pub key: Signal<In, Bits<96>>,
    /// The secret.
    pub secret: Signal<In, Bits<32>>,
    /// Set in the first half of the table.
    pub first: Signal<Out, Bits<S>>,
    /// Set in the second half.
    pub second: Signal<Out, Bits<S>>,
    a: DFF<Bits<32>>,
    b: DFF<Bits<32>>,
    c: DFF<Bits<32>>,
    d: DFF<Bits<32>>,
    ports: Signal<Local, Bits<32>>,
    remote_ip: Signal<Local, Bits<32>>,
    local_ip: Signal<Local, Bits<32>>,
    a1: Signal<Local, Bits<32>>,
    b1: Signal<Local, Bits<32>>,
    c1: Signal<Local, Bits<32>>,
    d1: Signal<Local, Bits<32>>,
    a2: Signal<Local, Bits<32>>,
    b2: Signal<Local, Bits<32>>,
    c2: Signal<Local, Bits<32>>,
    d2: Signal<Local, Bits<32>>,
}

impl<const S: usize> Logic for FlowHash<S> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, a, b, c, d);

        self.ports.next = self.key.val().get_bits::<32>(0);
        self.local_ip.next = self.key.val().get_bits::<32>(32);
        self.remote_ip.next = self.key.val().get_bits::<32>(64);

        self.a1.next = self.ports.val() + self.remote_ip.val();
        self.d1.next = self.secret.val() ^ self.a1.val();
        self.d1.next = (self.d1.val() << 16) | (self.d1.val() >> 16);
        self.c1.next = self.local_ip.val() + self.d1.val();
        self.b1.next = self.remote_ip.val() ^ self.c1.val();
        self.b1.next = (self.b1.val() << 12) | (self.b1.val() >> 20);
        self.a.d.next = self.a1.val();
        self.b.d.next = self.b1.val();
        self.c.d.next = self.c1.val();
        self.d.d.next = self.d1.val();

        self.a2.next = self.a.q.val() + self.b.q.val();
        self.d2.next = self.d.q.val() ^ self.a2.val();
        self.d2.next = (self.d2.val() << 8) | (self.d2.val() >> 24);
        self.c2.next = self.c.q.val() + self.d2.val();
        self.b2.next = self.b.q.val() ^ self.c2.val();
        self.b2.next = (self.b2.val() << 7) | (self.b2.val() >> 25);
        self.first.next = bit_cast::<S, 32>(self.b2.val());
        self.second.next = bit_cast::<S, 32>(self.d2.val() >> 16);
    }
}
