//! What has no faithful Verilog is refused, by module and signal.

use handclasp_verilog::{emit, EmitError, Refusal};
use rust_hdl::prelude::*;

/// A block with the inputs `a`, `b`, `f`, the output `y`, a local `t` and one kernel.
macro_rules! block {
    ($name:ident, { $($field:tt)* }, $($kernel:tt)*) => {
        #[derive(LogicBlock, Default)]
        struct $name {
            a: Signal<In, Bits<8>>,
            b: Signal<In, Bits<8>>,
            f: Signal<In, Bit>,
            y: Signal<Out, Bits<8>>,
            t: Signal<Local, Bits<8>>,
            $($field)*
        }
        impl Logic for $name {
            $($kernel)*
        }
    };
}

fn refusal<B: Block + Default>() -> Refusal {
    match emit("top", &B::default()) {
        Err(EmitError { module, refusal }) => {
            assert_eq!(module, "top");
            refusal
        }
        Ok(text) => panic!("was printed:\n{text}"),
    }
}

macro_rules! refused {
    ($name:ident, { $($field:tt)* }, $pattern:pat $(if $guard:expr)?, $($kernel:tt)*) => {
        #[test]
        #[allow(non_snake_case)]
        fn $name() {
            block!($name, { $($field)* }, $($kernel)*);
            let refusal = refusal::<$name>();
            assert!(matches!(&refusal, $pattern $(if $guard)?), "{refusal:?}");
            assert!(!refusal.to_string().is_empty());
        }
    };
}

refused!(MissingDefault, {}, Refusal::Latch(s) if s == "y", #[hdl_gen] fn update(&mut self) {
    if self.f.val() {
        self.y.next = self.a.val();
    }
});

// `t` would be refused as well, but `y` comes first.
refused!(DefaultInOneArm, { s: Signal<In, State>, }, Refusal::Latch(s) if s == "y", #[hdl_gen] fn update(&mut self) {
    match self.s.val() {
        State::Up => self.y.next = self.a.val(),
        State::Down => self.t.next = self.a.val(),
    }
});

refused!(RegisterInput, { clk: Signal<In, Clock>, r: DFF<Bits<8>>, }, Refusal::Latch(s) if s == "r.d", #[hdl_gen] fn update(&mut self) {
    self.r.clock.next = self.clk.val();
    self.y.next = self.r.q.val();
    if self.f.val() {
        self.r.d.next = self.a.val();
    }
});

refused!(OutputUndriven, {}, Refusal::Undriven(s) if s == "y", #[hdl_gen] fn update(&mut self) {
    self.t.next = self.a.val();
});

refused!(LocalUndriven, {}, Refusal::Undriven(s) if s == "t", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.t.val();
});

refused!(RegisterUndriven, { r: DFF<Bits<8>>, }, Refusal::Undriven(s) if s == "r.d", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.r.q.val();
});

refused!(ReadBeforeWrite, {}, Refusal::CombinationalLoop(s) if s == "t", #[hdl_gen] fn update(&mut self) {
    self.t.next = self.t.val() + 1;
    self.y.next = self.t.val();
});

refused!(Circle, { u: Signal<Local, Bits<8>>, }, Refusal::CombinationalLoop(_), #[hdl_gen] fn update(&mut self) {
    self.t.next = self.u.val() + 1;
    self.u.next = self.t.val();
    self.y.next = self.t.val();
});

refused!(InputAssigned, {}, Refusal::NotAssignable(s) if s == "a", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
    self.a.next = self.b.val();
});

refused!(ChildOutputAssigned, { clk: Signal<In, Clock>, r: DFF<Bits<8>>, }, Refusal::NotAssignable(s) if s == "r.q", #[hdl_gen] fn update(&mut self) {
    dff_setup!(self, clk, r);
    self.r.q.next = self.a.val();
    self.y.next = self.r.q.val();
});

refused!(GatedClock, { clk: Signal<In, Clock>, r: DFF<Bits<8>>, }, Refusal::Clock(s) if s == "r.clock", #[hdl_gen] fn update(&mut self) {
    self.r.d.next = self.a.val();
    self.y.next = self.r.q.val();
    self.r.clock.next = self.clk.val();
    if self.f.val() {
        self.r.clock.next = !self.clk.val();
    }
});

refused!(
    LiteralTooWide,
    {},
    Refusal::LiteralTooWide { width: 8, .. },
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val() + 256;
    }
);

refused!(
    SliceBeyondTheEnd,
    {},
    Refusal::OutOfRange {
        width: 8,
        offset: 4,
        end: 12,
        ..
    },
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val().get_bits::<8>(4);
    }
);

refused!(BitBeyondTheEnd, { z: Signal<Out, Bit>, }, Refusal::OutOfRange { width: 8, offset: 8, end: 9, .. }, #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
    self.z.next = self.a.val().get_bit(8);
});

refused!(
    ReplacedBitBeyondTheEnd,
    {},
    Refusal::OutOfRange {
        width: 8,
        offset: 9,
        ..
    },
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val().replace_bit(9, self.f.val());
    }
);

refused!(
    LoopVariableAsShifted,
    {},
    Refusal::UnknownWidth(_),
    #[hdl_gen]
    fn update(&mut self) {
        self.y.next = self.a.val();
        for i in 0_usize..2 {
            self.y.next = i.to_bits::<8>() << self.b.val();
        }
    }
);

refused!(UnknownConstant, {}, Refusal::UnknownName(s, _) if s == "ONE", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val() + ONE;
});
const ONE: u64 = 1;

refused!(ConstantAsIndex, { r: [Signal<Local, Bits<8>>; 2], }, Refusal::ArrayIndex(_), #[hdl_gen] fn update(&mut self) {
    self.r[0].next = self.a.val();
    self.r[INDEX].next = self.b.val();
    self.y.next = self.r[0].val();
});
const INDEX: usize = 1;

refused!(Keyword, { initial: Signal<In, Bit>, }, Refusal::ReservedName(s) if s == "initial", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
});

refused!(Collision, { r_q: Signal<In, Bit>, clk: Signal<In, Clock>, r: DFF<Bits<8>>, }, Refusal::NameCollision(..), #[hdl_gen] fn update(&mut self) {
    dff_setup!(self, clk, r);
    self.y.next = self.r.q.val();
});

/// Widens in its conversion, which the AST shows as identity.
#[derive(LogicStruct, Debug, Copy, Clone, Default, PartialEq)]
struct Widened {
    low: Bits<8>,
    high: Bits<8>,
}

impl From<Bits<8>> for Widened {
    fn from(low: Bits<8>) -> Self {
        Widened { low, high: bits(1) }
    }
}

refused!(IntoChangesTheWidth, { z: Signal<Out, Widened>, }, Refusal::WidthMismatch { left: 16, right: 8, .. }, #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
    self.z.next = self.a.val().into();
});

mod other {
    use rust_hdl::prelude::*;
    #[derive(LogicState, Debug, Copy, Clone, PartialEq)]
    #[allow(dead_code)]
    pub enum State {
        Up,
        Down,
    }
}

#[derive(LogicState, Debug, Copy, Clone, PartialEq)]
enum State {
    Down,
    Up,
}

refused!(TwoEnumsOfOneName, { s: Signal<In, State>, o: Signal<In, other::State>, }, Refusal::EnumConflict(s) if s == "State", #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
    if self.s.val() == State::Up {
        self.y.next = self.b.val();
    }
});

refused!(SignedSignal, { s: Signal<In, Signed<8>>, }, Refusal::Unsupported(_), #[hdl_gen] fn update(&mut self) {
    self.y.next = self.a.val();
});

/// A block whose Verilog is given.
#[derive(LogicBlock)]
struct Given {
    y: Signal<Out, Bit>,
    verilog: Verilog0,
}

/// Carries the given Verilog past the derive, which would take every field for a signal.
struct Verilog0(Verilog);

impl Logic for Verilog0 {
    fn update(&mut self) {}
}

impl Block for Verilog0 {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, _name: &str, _probe: &mut dyn Probe) {}
}

impl Logic for Given {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        self.verilog.0.clone()
    }
}

#[test]
fn given_verilog_without_a_faithful_print_is_refused() {
    let given = |verilog| {
        emit(
            "top",
            &Given {
                y: Default::default(),
                verilog: Verilog0(verilog),
            },
        )
    };
    let blackbox = BlackBox {
        code: String::new(),
        name: "core".into(),
    };
    let refused = [
        given(Verilog::Blackbox(blackbox)),
        given(Verilog::Custom("initial y = 0;".into())),
        given(Verilog::Empty),
    ];
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
    assert!(given(Verilog::Custom("always @* y = 0;".into())).is_ok());
}

#[test]
fn a_child_input_left_open_is_refused_in_its_parent() {
    #[derive(LogicBlock, Default)]
    struct Child {
        a: Signal<In, Bit>,
        y: Signal<Out, Bit>,
    }
    impl Logic for Child {
        #[hdl_gen]
        fn update(&mut self) {
            self.y.next = self.a.val();
        }
    }
    #[derive(LogicBlock, Default)]
    struct Parent {
        y: Signal<Out, Bit>,
        child: Child,
    }
    impl Logic for Parent {
        #[hdl_gen]
        fn update(&mut self) {
            self.y.next = self.child.y.val();
        }
    }
    let refused = emit("nic", &Parent::default()).unwrap_err();
    assert_eq!(
        (refused.module.as_str(), &refused.refusal),
        ("nic", &Refusal::Undriven("child.a".into()))
    );
    assert!(refused
        .to_string()
        .starts_with("module `nic`: `child.a` is never driven"));
}
