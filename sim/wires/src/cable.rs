//! Two ends in memory: what one sends arrives at the other after the propagation delay, in order, and nothing is lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Wire;

/// One end of a cable.
#[derive(Debug)]
pub struct Cable {
    outgoing: Arc<Mutex<Lane>>,
    incoming: Arc<Mutex<Lane>>,
    delay_ns: u64,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    /// Arrival time and frame.
    under_way: VecDeque<(u64, Vec<u8>)>,
    /// Buffers of frames that have arrived, for the next ones.
    spare: Vec<Vec<u8>>,
}

impl Cable {
    /// The two ends of a cable with this propagation delay (5 ns a metre).
    pub fn pair(delay_ns: u64) -> (Cable, Cable) {
        let there = Arc::new(Mutex::new(Lane::default()));
        let back = Arc::new(Mutex::new(Lane::default()));
        let end = |outgoing: &Arc<_>, incoming: &Arc<_>| Cable {
            outgoing: Arc::clone(outgoing),
            incoming: Arc::clone(incoming),
            delay_ns,
        };
        (end(&there, &back), end(&back, &there))
    }
}

/// A lane is whole after every operation: it can be used although a thread has panicked while it held the lock.
fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire for Cable {
    fn send(&mut self, frame: &[u8], at_ns: u64) {
        let mut lane = lock(&self.outgoing);
        let mut buffer = lane.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(frame);
        lane.under_way
            .push_back((at_ns.saturating_add(self.delay_ns), buffer));
    }

    fn receive(&mut self, buffer: &mut Vec<u8>, at_ns: u64) -> bool {
        let mut lane = lock(&self.incoming);
        if lane.under_way.front().is_none_or(|(time, _)| *time > at_ns) {
            return false;
        }
        let Some((_, mut frame)) = lane.under_way.pop_front() else {
            return false;
        };
        std::mem::swap(buffer, &mut frame);
        lane.spare.push(frame);
        true
    }

    fn deadline(&self) -> Option<u64> {
        lock(&self.incoming)
            .under_way
            .front()
            .map(|(time, _)| *time)
    }
}
