//! One block under comparison, run in Rust.

use super::{EquivalenceError, Random};
use crate::design::literal_value;
use crate::{emit_moves, ports, EmitError, Moves, Port};
use num_bigint::BigUint;
use rust_hdl::core::atom::{Atom, AtomKind};
use rust_hdl::core::block::Block;
use rust_hdl::core::probe::Probe;
use rust_hdl::prelude::{simulate, Clock, In, Signal};

/// rust-hdl settles a block by evaluating it until nothing changes; a block that needs more rounds than this oscillates.
const MAX_ROUNDS: usize = 1000;

/// Values of a case's inputs and outputs, one row a cycle.
pub(super) struct Trace {
    pub inputs: Vec<Vec<BigUint>>,
    pub outputs: Vec<Vec<BigUint>>,
}

/// A block of any type.
pub(super) trait Case: Send + Sync {
    fn name(&self) -> &str;
    /// Verilog text and ports.
    fn describe(&self, moves: Moves) -> Result<(String, Vec<Port>), EmitError>;
    fn trace(&self, seed: u64, cycles: usize) -> Result<Trace, EquivalenceError>;
}

/// A block, how it is made, clocked and driven.
pub(super) struct TypedCase<B, N, K, S> {
    pub name: String,
    pub new: N,
    pub clock: Option<K>,
    pub stimulus: S,
    pub block: std::marker::PhantomData<fn() -> B>,
}

impl<B, N, K, S> Case for TypedCase<B, N, K, S>
where
    B: Block,
    N: Fn() -> B + Send + Sync,
    K: Fn(&mut B) -> &mut Signal<In, Clock> + Send + Sync,
    S: Fn(&mut B, &mut Random) + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self, moves: Moves) -> Result<(String, Vec<Port>), EmitError> {
        let block = (self.new)();
        Ok((emit_moves(&self.name, &block, moves)?, ports(&block)?))
    }

    fn trace(&self, seed: u64, cycles: usize) -> Result<Trace, EquivalenceError> {
        let mut block = (self.new)();
        block.connect_all();
        let mut random = Random::new(seed);
        let mut trace = Trace {
            inputs: vec![],
            outputs: vec![],
        };
        for cycle in 0..cycles {
            random.cycle = cycle;
            (self.stimulus)(&mut block, &mut random);
            for level in [false, true] {
                if let Some(clock) = &self.clock {
                    clock(&mut block).next = level.into();
                }
                if !simulate(&mut block, MAX_ROUNDS) {
                    return Err(EquivalenceError::Unsettled {
                        case: self.name.clone(),
                        cycle,
                    });
                }
                if !level {
                    let mut values = PortValues::default();
                    block.accept("top", &mut values);
                    trace.inputs.push(values.inputs);
                    trace.outputs.push(values.outputs);
                }
            }
        }
        Ok(trace)
    }
}

/// Reads the settled values of a block's own ports, clocks aside.
#[derive(Default)]
struct PortValues {
    depth: usize,
    inputs: Vec<BigUint>,
    outputs: Vec<BigUint>,
}

impl Probe for PortValues {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }

    fn visit_atom(&mut self, _name: &str, atom: &dyn Atom) {
        let values = match atom.kind() {
            _ if self.depth != 1 => return,
            AtomKind::InputParameter if atom.descriptor().name != "clock" => &mut self.inputs,
            AtomKind::OutputParameter => &mut self.outputs,
            _ => return,
        };
        values.push(literal_value(&atom.verilog().to_string()).unwrap_or_default());
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }
}
