//! Ephemeral ports (RFC 6056).

use rand::Rng;

/// RFC 6056 3.2: the whole range above the well-known ports.
const FIRST: u16 = 1024;

/// A free local port for an active open: a random one, or the next free one above it (RFC 6056 3.3.1, algorithm 1), so
/// that a peer on another path cannot guess it. `None` when none is free.
pub fn ephemeral(rng: &mut impl Rng, mut is_free: impl FnMut(u16) -> bool) -> Option<u16> {
    let start = rng.random_range(FIRST..=u16::MAX);
    (start..=u16::MAX)
        .chain(FIRST..start)
        .find(|port| is_free(*port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_last_free_port_is_found_and_then_none() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        assert_eq!(ephemeral(&mut rng, |port| port == FIRST), Some(FIRST));
        assert_eq!(ephemeral(&mut rng, |port| port == u16::MAX), Some(u16::MAX));
        assert_eq!(ephemeral(&mut rng, |_| false), None);
        assert_eq!(ephemeral(&mut rng, |port| port < FIRST), None);
    }

    #[test]
    fn ports_are_spread() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let ports: std::collections::HashSet<_> = (0..100)
            .filter_map(|_| ephemeral(&mut rng, |_| true))
            .collect();
        assert!(ports.len() > 90);
    }
}
