//! DMA memory: few big mappings (arenas), cut into regions.
//!
//! A mapping costs a system call and a flush of the IOMMU's tables, in a guest tens of milliseconds; so an arena stays
//! mapped until the bus is closed, and a region that is dropped is handed out again. An arena is a multiple of 2 MiB
//! where there are huge pages; with ordinary pages it is what was asked for, since all of it counts as locked memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::iova::IovaAllocator;
use super::{Function, PageSize, Pages};
use crate::bus::BusError;
use crate::dma::{DmaMemory, DmaRegion, Unmap, PAGE_BYTES};

/// All the memory that one function has been lent.
pub(super) struct Arenas(Mutex<Inner>);

struct Inner {
    iovas: IovaAllocator,
    /// By first I/O address.
    arenas: BTreeMap<u64, Arena>,
    closed: bool,
}

/// Pages, all of them mapped, and which of their bytes are in use.
struct Arena {
    pages: Arc<Pages>,
    /// Length of each range in use, by its offset; what lies between is free.
    used: BTreeMap<usize, usize>,
}

impl Arena {
    /// Takes the first free range that is long enough.
    fn take(&mut self, len_bytes: usize) -> Option<usize> {
        let mut begin = 0;
        for (&offset, &used_bytes) in &self.used {
            if offset - begin >= len_bytes {
                break;
            }
            begin = offset + used_bytes;
        }
        if self.pages.size_bytes() - begin < len_bytes {
            return None;
        }
        self.used.insert(begin, len_bytes);
        Some(begin)
    }
}

impl Arenas {
    /// Nothing is lent yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            iovas: IovaAllocator::new(),
            arenas: BTreeMap::new(),
            closed: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No panic leaves the maps half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`crate::Bus::allocate`].
    pub(super) fn allocate(
        self: &Arc<Self>,
        function: &dyn Function,
        len_bytes: usize,
    ) -> Result<DmaRegion, BusError> {
        let no_memory = |reason: &str| BusError::NoMemory {
            len_bytes,
            reason: reason.into(),
        };
        let size_bytes = len_bytes
            .checked_next_multiple_of(PAGE_BYTES)
            .filter(|&size| size > 0)
            .ok_or_else(|| no_memory("a region has at least one byte"))?;
        let mut inner = self.lock();
        if inner.closed {
            return Err(no_memory("the bus has been closed"));
        }
        let place = inner
            .arenas
            .iter_mut()
            .find_map(|(&base, arena)| Some((base, arena.take(size_bytes)?)));
        let (base, offset) = match place {
            Some(place) => place,
            None => (inner.grow(function, size_bytes)?, 0),
        };
        let memory = inner
            .arenas
            .get(&base)
            .and_then(|arena| DmaMemory::piece(&arena.pages, offset, size_bytes))
            .ok_or_else(|| no_memory("it does not lie within its arena"))?;
        drop(inner);
        memory.zero();
        let owner: Arc<dyn Unmap> = Arc::clone(self) as Arc<dyn Unmap>;
        Ok(DmaRegion::mapped(
            Arc::new(memory),
            base + offset as u64,
            owner,
        ))
    }

    /// Takes all mappings down, and refuses new ones from now on. Memory that could not be unmapped is never freed: the
    /// function may still write there.
    ///
    /// # Errors
    /// The first one; the rest is unmapped nevertheless.
    pub(super) fn close(&self, function: &dyn Function) -> Result<(), BusError> {
        let mut result = Ok(());
        let mut inner = self.lock();
        inner.closed = true;
        for (iova, arena) in std::mem::take(&mut inner.arenas) {
            if let Err(error) = function.unmap(iova, arena.pages.size_bytes()) {
                std::mem::forget(arena.pages);
                result = result.and(Err(error));
            }
        }
        result
    }
}

impl Inner {
    /// Maps a new arena with its first `size_bytes` in use, and returns its I/O address.
    fn grow(&mut self, function: &dyn Function, size_bytes: usize) -> Result<u64, BusError> {
        let mut last_error = None;
        for page_size in [PageSize::Huge, PageSize::Ordinary] {
            match self.map(function, size_bytes, page_size) {
                Ok(iova) => return Ok(iova),
                // No huge pages, or an arena of them is more than this process may lock.
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or(BusError::NoMemory {
            len_bytes: size_bytes,
            reason: "there are no pages".into(),
        }))
    }

    fn map(
        &mut self,
        function: &dyn Function,
        size_bytes: usize,
        page_size: PageSize,
    ) -> Result<u64, BusError> {
        let no_memory = |reason: String| BusError::NoMemory {
            len_bytes: size_bytes,
            reason,
        };
        let pages = Pages::new(size_bytes, page_size).map_err(|error| {
            no_memory(format!("the kernel gives no {page_size} pages: {error}"))
        })?;
        let iova = self
            .iovas
            .take(pages.size_bytes() as u64)
            .ok_or_else(|| no_memory("all I/O addresses are used up".into()))?;
        function.map(iova, &pages)?;
        self.arenas.insert(
            iova,
            Arena {
                pages: Arc::new(pages),
                used: BTreeMap::from([(0, size_bytes)]),
            },
        );
        Ok(iova)
    }
}

impl Unmap for Arenas {
    /// The region is free for the next one; its arena stays mapped.
    fn unmap(&self, iova: u64) {
        let mut inner = self.lock();
        // After the bus was closed there is no arena any more.
        if let Some((base, arena)) = inner.arenas.range_mut(..=iova).next_back() {
            arena.used.remove(&((iova - base) as usize));
        }
    }
}
