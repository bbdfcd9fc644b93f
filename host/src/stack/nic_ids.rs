//! The NIC's connection ids: which connection of the host has which.

use super::{Tuple, NO_CONNECTION};

/// In the place of a connection of the host: none.
const NOBODY: u32 = u32::MAX;

/// One id, as the connection left it that has it or had it last.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The connection of the host that has it, or [`NOBODY`].
    connection: u32,
    /// Counts the connections that have had it. The NIC gives it back in events, so that one of an earlier connection is known;
    /// 256 connections later none of it is on its way any more.
    generation: u8,
    /// The 4-tuple that events of this generation are about.
    tuple: Option<Tuple>,
}

/// The ids of the NIC. They may be fewer than the host has connections.
#[derive(Debug)]
pub(super) struct NicIds {
    /// Ids that nobody has.
    free: Vec<u16>,
    entries: Vec<Entry>,
}

impl NicIds {
    /// All ids below `count` but [`NO_CONNECTION`] are free.
    pub(super) fn new(count: usize) -> Self {
        let nobody = Entry {
            connection: NOBODY,
            generation: 0,
            tuple: None,
        };
        Self {
            // The lowest id comes out first.
            free: (0..=u16::MAX)
                .take(count)
                .filter(|id| *id != NO_CONNECTION)
                .rev()
                .collect(),
            entries: vec![nobody; count],
        }
    }

    /// There is a free one.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// Gives a connection of the host an id, if one is free.
    pub(super) fn take(&mut self, connection: u32, tuple: Tuple) -> Option<u16> {
        let nic_id = self.free.pop()?;
        let entry = &mut self.entries[usize::from(nic_id)];
        *entry = Entry {
            connection,
            generation: entry.generation.wrapping_add(1),
            tuple: Some(tuple),
        };
        Some(nic_id)
    }

    fn entry(&self, nic_id: u16, generation: u8) -> Option<&Entry> {
        self.entries
            .get(usize::from(nic_id))
            .filter(|entry| entry.generation == generation)
    }

    /// The generation of who has the id, or had it last.
    pub(super) fn generation(&self, nic_id: u16) -> u8 {
        self.entries
            .get(usize::from(nic_id))
            .map_or(0, |entry| entry.generation)
    }

    /// The connection that has the id; a number that no connection has when nobody has it, or another generation.
    #[inline(always)]
    pub(super) fn connection(&self, nic_id: u16, generation: u8) -> u32 {
        self.entry(nic_id, generation)
            .map_or(NOBODY, |entry| entry.connection)
    }

    /// The 4-tuple of who has the id, or had it last; `None` when that is another generation.
    pub(super) fn tuple(&self, nic_id: u16, generation: u8) -> Option<Tuple> {
        self.entry(nic_id, generation)?.tuple
    }

    /// Takes the id from the connection that has it.
    pub(super) fn give_back(&mut self, nic_id: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(nic_id)) {
            if std::mem::replace(&mut entry.connection, NOBODY) != NOBODY {
                self.free.push(nic_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(remote_port: u16) -> Tuple {
        Tuple {
            remote_ip: 1,
            local_ip: 2,
            remote_port,
            local_port: 3,
        }
    }

    #[test]
    fn an_id_is_given_to_one_at_a_time() {
        let mut ids = NicIds::new(3);
        assert_eq!(ids.connection(NO_CONNECTION, 0), NOBODY);
        assert_eq!(ids.take(70_000, tuple(1)), Some(1));
        assert_eq!(ids.take(5, tuple(2)), Some(2));
        assert_eq!((ids.take(6, tuple(3)), ids.has_free()), (None, false));
        assert_eq!((ids.connection(1, 1), ids.connection(2, 1)), (70_000, 5));
        ids.give_back(1);
        ids.give_back(1);
        ids.give_back(NO_CONNECTION);
        ids.give_back(3);
        assert_eq!(ids.connection(1, 1), NOBODY);
        assert_eq!(ids.take(6, tuple(3)), Some(1));
        assert_eq!(ids.take(7, tuple(4)), None);
        assert_eq!(ids.connection(3, 0), NOBODY);
    }

    #[test]
    fn an_event_is_about_the_generation_that_it_tells() {
        let mut ids = NicIds::new(2);
        assert_eq!(ids.tuple(1, 0), None);
        ids.take(4, tuple(1));
        ids.give_back(1);
        // It may come behind the end of its connection, as long as no other has the id.
        assert_eq!(
            (ids.tuple(1, 1), ids.connection(1, 1)),
            (Some(tuple(1)), NOBODY)
        );
        ids.take(9, tuple(2));
        assert_eq!((ids.tuple(1, 1), ids.connection(1, 1)), (None, NOBODY));
        assert_eq!((ids.tuple(1, 2), ids.connection(1, 2)), (Some(tuple(2)), 9));
        for _ in 0..254 {
            ids.give_back(1);
            ids.take(9, tuple(3));
        }
        assert_eq!(ids.generation(1), 0, "it wraps");
    }
}
