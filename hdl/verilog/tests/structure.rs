//! Kernels and hierarchies in Rust and in Verilator: order of assignments, state machines, registers, bundles, arrays, memories.

use handclasp_verilog::equivalence::{Equivalence, Random};
use handclasp_verilog::{emit, ports, PortDirection, Ram};
use rust_hdl::prelude::*;

/// Locals that are read between two of their assignments, before them and after them.
#[derive(LogicBlock, Default)]
struct Order {
    a: Signal<In, Bits<8>>,
    b: Signal<In, Bits<8>>,
    f: Signal<In, Bit>,
    first: Signal<Local, Bits<8>>,
    second: Signal<Local, Bits<8>>,
    late: Signal<Local, Bits<8>>,
    between: Signal<Out, Bits<8>>,
    nested: Signal<Out, Bits<8>>,
    settled: Signal<Out, Bits<8>>,
    early: Signal<Out, Bits<8>>,
    accumulated: Signal<Out, Bits<8>>,
    own_output: Signal<Out, Bits<8>>,
    overwritten: Signal<Out, Bits<8>>,
    partial: Signal<Out, Bits<8>>,
}

impl Logic for Order {
    #[hdl_gen]
    fn update(&mut self) {
        // `late` has its final value below: Rust evaluates until nothing changes.
        self.early.next = self.late.val() ^ 0x55;
        self.first.next = self.a.val();
        self.between.next = self.first.val() + 1;
        self.nested.next = bits::<8>(7);
        if self.f.val() {
            self.first.next = self.first.val() + self.b.val();
            if self.first.val() < 0x40 {
                self.nested.next = self.first.val();
            }
        } else {
            self.second.next = bits::<8>(0);
        }
        self.first.next = self.first.val() << 1;
        self.second.next = self.first.val() ^ self.b.val();
        self.settled.next = self.first.val() - self.second.val();
        self.late.next = self.second.val() + 3;
        self.accumulated.next = bits::<8>(0);
        for i in 0..8 {
            if self.a.val().get_bit(i) {
                self.accumulated.next = (self.accumulated.val() << 1) + self.b.val();
            }
        }
        self.own_output.next = self.accumulated.val() + self.settled.val();
        self.overwritten.next = self.a.val();
        if self.f.val() {
            self.overwritten.next = bits::<8>(3);
        }
        self.overwritten.next = self.b.val();
        self.partial.next = self.a.val();
        if self.f.val() {
            if self.a.val() < self.b.val() {
                self.partial.next = bits::<8>(1);
            } else if self.a.val() == self.b.val() {
            } else {
                self.partial.next = bits::<8>(2);
            }
        }
    }
}

#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum State {
    Idle,
    Load,
    Run,
    Drain,
    Done,
}

#[derive(LogicStruct, Debug, Copy, Clone, Default, PartialEq)]
struct Header {
    kind: Bits<4>,
    urgent: Bit,
    length: Bits<11>,
}

/// A state machine over an enum with five codes in three bits, a struct, register arrays and a `d` that is read.
#[derive(LogicBlock)]
struct Machine {
    clk: Signal<In, Clock>,
    rst: Signal<In, Bit>,
    go: Signal<In, Bit>,
    word: Signal<In, Bits<16>>,
    state: DFF<State>,
    header: DFF<Header>,
    count: DFF<Bits<4>>,
    seen: DFF<Bits<4>>,
    lanes: [DFF<Bits<8>>; 4],
    masks: [Constant<Bits<8>>; 4],
    assembled: Signal<Local, Header>,
    running: Signal<Out, Bit>,
    code: Signal<Out, Bits<3>>,
    length: Signal<Out, Bits<11>>,
    kind: Signal<Out, Bits<4>>,
    urgent: Signal<Out, Bit>,
    bits_of_header: Signal<Out, Bits<16>>,
    last_lane: Signal<Out, Bits<8>>,
    next_count: Signal<Out, Bits<4>>,
    seen_count: Signal<Out, Bits<4>>,
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            clk: Default::default(),
            rst: Default::default(),
            go: Default::default(),
            word: Default::default(),
            state: Default::default(),
            header: Default::default(),
            count: Default::default(),
            seen: Default::default(),
            lanes: Default::default(),
            masks: [1, 3, 7, 15].map(|mask| Constant::new(bits(mask))),
            assembled: Default::default(),
            running: Default::default(),
            code: Default::default(),
            length: Default::default(),
            kind: Default::default(),
            urgent: Default::default(),
            bits_of_header: Default::default(),
            last_lane: Default::default(),
            next_count: Default::default(),
            seen_count: Default::default(),
        }
    }
}

impl Logic for Machine {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, state, header, count, seen);
        for i in 0..4 {
            self.lanes[i].clock.next = self.clk.val();
            self.lanes[i].d.next = self.lanes[i].q.val();
        }
        for i in 1..4 {
            self.lanes[i].d.next = self.lanes[i - 1].q.val() ^ self.masks[i].val();
        }
        self.assembled.next.kind = self.word.val().get_bits::<4>(0);
        self.assembled.next.urgent = self.word.val().get_bit(4);
        self.assembled.next.length = self.word.val().get_bits::<11>(5);
        self.running.next = false;
        self.code.next = bits::<3>(7);
        match self.state.q.val() {
            State::Idle => {
                self.code.next = bits::<3>(0);
                if self.go.val() {
                    self.state.d.next = State::Load;
                }
            }
            State::Load => {
                self.header.d.next = self.assembled.val();
                self.lanes[0].d.next = bit_cast::<8, 16>(self.word.val());
                self.count.d.next = self.word.val().get_bits::<4>(12);
                self.state.d.next = State::Run;
            }
            State::Run => {
                self.running.next = true;
                self.count.d.next = self.count.q.val() - 1;
                if self.count.q.val() == 0 {
                    self.state.d.next = State::Drain;
                } else if self.go.val() && self.header.q.val().urgent {
                    self.header.d.next.length = self.header.q.val().length + 1;
                }
            }
            State::Drain => self.state.d.next = State::Done,
            State::Done => {
                self.code.next = bits::<3>(4);
                self.state.d.next = State::Idle;
            }
        }
        match self.go.val() {
            true => self.seen.d.next = self.count.d.val(),
            false => self.seen.d.next = self.seen.q.val() + 1,
        }
        self.next_count.next = self.count.d.val();
        self.seen_count.next = self.seen.q.val();
        self.length.next = self.header.q.val().length;
        self.kind.next = self.header.q.val().kind;
        self.urgent.next = self.header.q.val().urgent;
        self.bits_of_header.next = self.assembled.val().into();
        self.last_lane.next = self.lanes[3].q.val();
        if self.state.q.val() == State::Drain {
            self.last_lane.next = bits::<8>(0xa5);
        }
        if self.rst.val() {
            self.state.d.next = State::Idle;
            self.count.d.next = bits::<4>(0);
        }
    }
}

#[derive(LogicInterface, Default)]
#[join = "StreamSink"]
struct StreamSource {
    tdata: Signal<Out, Bits<12>>,
    tvalid: Signal<Out, Bit>,
    tready: Signal<In, Bit>,
}

#[derive(LogicInterface, Default)]
#[join = "StreamSource"]
struct StreamSink {
    tdata: Signal<In, Bits<12>>,
    tvalid: Signal<In, Bit>,
    tready: Signal<Out, Bit>,
}

/// A register slice whose `tready` runs through combinationally.
#[derive(LogicBlock, Default)]
struct Stage {
    clk: Signal<In, Clock>,
    rst: Signal<In, Bit>,
    s_axis: StreamSink,
    m_axis: StreamSource,
    full: DFF<Bit>,
    word: DFF<Bits<12>>,
}

impl Logic for Stage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, full, word);
        self.m_axis.tdata.next = self.word.q.val();
        self.m_axis.tvalid.next = self.full.q.val();
        self.s_axis.tready.next = !self.full.q.val() | self.m_axis.tready.val();
        if self.s_axis.tready.val() {
            self.full.d.next = self.s_axis.tvalid.val();
            self.word.d.next = self.s_axis.tdata.val() + 1;
        }
        if self.rst.val() {
            self.full.d.next = false;
        }
    }
}

/// Stages in a row, wired by `link` and `join`, beside a Vec of stages wired by hand and a memory.
#[derive(LogicBlock)]
struct Chain {
    clk: Signal<In, Clock>,
    rst: Signal<In, Bit>,
    s_axis: StreamSink,
    m_axis: StreamSource,
    head: Stage,
    tail: Stage,
    rest: Vec<Stage>,
    count: Constant<Bits<4>>,
    history: Ram<Bits<12>, 3>,
    at: DFF<Bits<3>>,
    old: Signal<Out, Bits<12>>,
}

impl Default for Chain {
    fn default() -> Self {
        Chain {
            clk: Default::default(),
            rst: Default::default(),
            s_axis: Default::default(),
            m_axis: Default::default(),
            head: Default::default(),
            tail: Default::default(),
            rest: (0..3).map(|_| Stage::default()).collect(),
            count: Constant::new(bits(3)),
            history: Default::default(),
            at: Default::default(),
            old: Default::default(),
        }
    }
}

impl Logic for Chain {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, at);
        clock!(self, clk, history);
        self.head.clk.next = self.clk.val();
        self.tail.clk.next = self.clk.val();
        self.head.rst.next = self.rst.val();
        self.tail.rst.next = self.rst.val();
        StreamSink::link(&mut self.s_axis, &mut self.head.s_axis);
        StreamSource::join(&mut self.head.m_axis, &mut self.tail.s_axis);
        for i in 0..3 {
            self.rest[i].clk.next = self.clk.val();
            self.rest[i].rst.next = self.rst.val();
        }
        self.rest[0].s_axis.tdata.next =
            self.tail.m_axis.tdata.val() + bit_cast::<12, 4>(self.count.val());
        self.rest[0].s_axis.tvalid.next = self.tail.m_axis.tvalid.val();
        self.tail.m_axis.tready.next = self.rest[0].s_axis.tready.val();
        for i in 1..3 {
            self.rest[i].s_axis.tdata.next = self.rest[i - 1].m_axis.tdata.val();
            self.rest[i].s_axis.tvalid.next = self.rest[i - 1].m_axis.tvalid.val();
            self.rest[i - 1].m_axis.tready.next = self.rest[i].s_axis.tready.val();
        }
        StreamSource::link(&mut self.m_axis, &mut self.rest[2].m_axis);
        self.history.read_address.next = self.at.q.val();
        self.history.read_enable.next = true;
        self.history.write_address.next = self.at.q.val();
        self.history.write_data.next = self.m_axis.tdata.val();
        self.history.write_enable.next = self.m_axis.tvalid.val() & self.m_axis.tready.val();
        if self.history.write_enable.val() {
            self.at.d.next = self.at.q.val() + 1;
        }
        self.old.next = self.history.read_data.val();
        if self.rst.val() {
            self.at.d.next = bits::<3>(0);
        }
    }
}

/// rust-hdl's own memory, and hand-written Verilog behind a bundle.
#[derive(LogicBlock, Default)]
struct Widgets {
    clk: Signal<In, Clock>,
    address: Signal<In, Bits<3>>,
    data: Signal<In, Bits<12>>,
    enable: Signal<In, Bit>,
    memory: RAM<Bits<12>, 3>,
    inverter: Inverter,
    wrapped: Wrapped,
    read: Signal<Out, Bits<12>>,
    inverted: Signal<Out, Bits<12>>,
    ready: Signal<Out, Bit>,
    swapped: Signal<Out, Bits<12>>,
}

impl Logic for Widgets {
    #[hdl_gen]
    fn update(&mut self) {
        self.memory.read_clock.next = self.clk.val();
        self.memory.write_clock.next = self.clk.val();
        self.memory.read_address.next = self.address.val();
        self.memory.write_address.next = self.address.val() + 1;
        self.memory.write_data.next = self.data.val();
        self.memory.write_enable.next = self.enable.val();
        self.read.next = self.memory.read_data.val();
        self.inverter.s.tdata.next = self.data.val();
        self.inverter.s.tvalid.next = self.enable.val();
        self.inverted.next = self.inverter.word.val();
        self.ready.next = self.inverter.s.tready.val();
        self.wrapped.a.next = self.data.val();
        self.swapped.next = self.wrapped.y.val();
    }
}

#[derive(LogicBlock, Default)]
struct Inverter {
    s: StreamSink,
    word: Signal<Out, Bits<12>>,
}

impl Logic for Inverter {
    fn update(&mut self) {
        self.word.next = !self.s.tdata.val();
        self.s.tready.next = !self.s.tvalid.val();
    }
    fn connect(&mut self) {
        self.word.connect();
        self.s.tready.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @* begin\n  word = ~s$tdata;\n  s$tready = ~s$tvalid;\nend".into())
    }
}

#[derive(LogicBlock, Default)]
struct Wrapped {
    a: Signal<In, Bits<12>>,
    y: Signal<Out, Bits<12>>,
}

impl Logic for Wrapped {
    fn update(&mut self) {
        self.y.next = (self.a.val() << 6) | (self.a.val() >> 6);
    }
    fn connect(&mut self) {
        self.y.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Wrapper(Wrapper {
            code: "vendor_swap core (.i(a), .o(y));".into(),
            cores: "module vendor_swap (input wire [11:0] i, output wire [11:0] o);\n  \
                    assign o = {i[5:0], i[11:6]};\nendmodule"
                .into(),
        })
    }
}

fn stream(chain: &mut Chain, random: &mut Random) {
    chain.rst.next = random.reset();
    let stalled = chain.s_axis.tvalid.val() && !chain.s_axis.tready.val();
    if !stalled {
        chain.s_axis.tvalid.next = random.chance(2, 3);
        chain.s_axis.tdata.next = random.bits();
    }
    chain.m_axis.tready.next = random.chance(2, 3);
}

#[test]
fn kernels_are_the_same_in_verilog() {
    let report = Equivalence::new("structure")
        .combinational("order", Order::default, |block, random| {
            block.a.next = random.bits();
            block.b.next = if random.chance(1, 8) {
                block.a.next
            } else {
                random.corner()
            };
            block.f.next = random.chance(1, 2);
        })
        .clocked(
            "machine",
            Machine::default,
            |block| &mut block.clk,
            |block, random| {
                block.rst.next = random.reset();
                block.go.next = random.chance(1, 2);
                block.word.next = random.bits();
            },
        )
        .clocked("chain", Chain::default, |block| &mut block.clk, stream)
        .clocked(
            "widgets",
            Widgets::default,
            |block| &mut block.clk,
            |block, random| {
                block.address.next = random.bits();
                block.data.next = random.bits();
                block.enable.next = random.chance(1, 2);
            },
        )
        .clocked(
            "ram",
            Ram::<Bits<70>, 3>::default,
            |ram| &mut ram.clock,
            |ram, random| {
                ram.read_address.next = random.bits();
                ram.read_enable.next = random.chance(3, 4);
                ram.write_address.next = random.bits();
                ram.write_data.next = random.corner();
                ram.write_enable.next = random.chance(3, 4);
            },
        )
        .run(7, 3000)
        .unwrap();
    assert!(
        report.constant_outputs.is_empty(),
        "never exercised: {report:?}"
    );
}

#[test]
fn emission_is_deterministic() {
    let twice = [
        emit("chain", &Chain::default()),
        emit("chain", &Chain::default()),
    ];
    assert_eq!(twice[0], twice[1]);
    let text = twice[0].clone().unwrap();
    for line in [
        "module chain (",
        "module chain_rest_2 (",
        "  input wire [11:0] s_axis_tdata,",
        "  output wire s_axis_tready,",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
    assert!(!text.contains("initial") && !text.contains('$'));
}

#[test]
fn registers_are_inlined() {
    let text = emit("machine", &Machine::default()).unwrap();
    assert_eq!(text.matches("module ").count(), 1);
    assert_eq!(text.matches("always @(posedge clk)").count(), 1);
    assert!(text.contains("state_q <= State_Load;"));
}

#[test]
fn ports_are_in_order_of_declaration() {
    let ports = ports(&Stage::default()).unwrap();
    let names: Vec<_> = ports
        .iter()
        .map(|p| {
            (
                p.name.as_str(),
                p.width,
                p.direction == PortDirection::Input,
            )
        })
        .collect();
    let expected = [
        ("clk", 1, true),
        ("rst", 1, true),
        ("s_axis_tdata", 12, true),
        ("s_axis_tvalid", 1, true),
        ("s_axis_tready", 1, false),
        ("m_axis_tdata", 12, false),
        ("m_axis_tvalid", 1, false),
        ("m_axis_tready", 1, true),
    ];
    assert_eq!(names, expected);
    assert!(ports[0].is_clock && !ports[1].is_clock);
}
