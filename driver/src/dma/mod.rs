//! Memory shared with the device: whose it is ([`DmaMemory`]), where the device sees it ([`DmaRegion`]), and how it is read and
//! written ([`Span`]).

mod span;

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

pub use span::{OutOfRange, Span};

use crate::vfio::Pages;

/// Alignment of DMA memory, and granularity of its mapping, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// Page-aligned memory, in whole pages: the raw side of a [`DmaRegion`], which a simulated device keeps as well.
#[derive(Debug)]
pub struct DmaMemory {
    span: Span,
    backing: Backing,
}

/// Whose the memory is.
#[derive(Debug)]
enum Backing {
    /// Ours, on the heap.
    Heap(Layout),
    /// A piece of these pages, which live as long as any piece.
    Pages(#[allow(dead_code, reason = "keeps the pages mapped")] Arc<Pages>),
}

impl DmaMemory {
    /// Zeroed memory of `size_bytes`, rounded up to whole pages; `None` when there is none, or `size_bytes` is 0.
    pub fn new(size_bytes: usize) -> Option<Self> {
        let layout = Layout::from_size_align(size_bytes, PAGE_BYTES)
            .ok()?
            .pad_to_align();
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the layout's size is not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self {
            // SAFETY: allocated with this size, in whole pages, until it is dropped.
            span: unsafe { Span::new(base, layout.size()) },
            backing: Backing::Heap(layout),
        })
    }

    /// The piece of `pages` from `offset` on, as it is; `None` when offset and size are not multiples of
    /// [`PAGE_BYTES`], or the piece does not lie within the pages.
    pub fn piece(pages: &Arc<Pages>, offset: usize, size_bytes: usize) -> Option<Self> {
        let end = offset.checked_add(size_bytes)?;
        let whole = offset.is_multiple_of(PAGE_BYTES) && size_bytes.is_multiple_of(PAGE_BYTES);
        if !whole || end > pages.size_bytes() {
            return None;
        }
        // SAFETY: the offset lies within the mapping, or at its end.
        let base = NonNull::new(unsafe { pages.as_ptr().add(offset) })?;
        Some(Self {
            // SAFETY: within the mapping, which `backing` keeps, and whole pages.
            span: unsafe { Span::new(base, size_bytes) },
            backing: Backing::Pages(Arc::clone(pages)),
        })
    }
}

impl Deref for DmaMemory {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

impl Drop for DmaMemory {
    fn drop(&mut self) {
        if let Backing::Heap(layout) = self.backing {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.span.as_ptr(), layout) }
        }
    }
}

/// Called when the last clone of a region is dropped: a bus takes the mapping down here.
pub trait Unmap: Send + Sync {
    /// The range that starts at this I/O address is no longer used.
    fn unmap(&self, iova: u64);
}

struct Mapping {
    #[allow(dead_code, reason = "keeps the memory")]
    memory: Arc<DmaMemory>,
    iova: u64,
    owner: Option<Arc<dyn Unmap>>,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.unmap(self.iova);
        }
    }
}

/// Memory with its I/O address. Clones share the memory.
pub struct DmaRegion {
    /// Start and size of the memory in `mapping`, kept here so that an access does not go through two `Arc`s.
    span: Span,
    mapping: Arc<Mapping>,
}

impl DmaRegion {
    /// A region that `owner` has mapped at `iova`, and unmaps when the last clone is gone.
    pub fn mapped(memory: Arc<DmaMemory>, iova: u64, owner: Arc<dyn Unmap>) -> Self {
        Self::new(Mapping {
            memory,
            iova,
            owner: Some(owner),
        })
    }

    /// A region that no device reaches (I/O address 0), for tests of what lies above the bus; `None` as for
    /// [`DmaMemory::new`].
    pub fn heap(size_bytes: usize) -> Option<Self> {
        Some(Self::new(Mapping {
            memory: Arc::new(DmaMemory::new(size_bytes)?),
            iova: 0,
            owner: None,
        }))
    }

    fn new(mapping: Mapping) -> Self {
        Self {
            // SAFETY: the mapping, which lives at least as long, keeps the memory.
            span: unsafe { mapping.memory.again() },
            mapping: Arc::new(mapping),
        }
    }

    /// First I/O address.
    #[inline]
    pub fn iova(&self) -> u64 {
        self.mapping.iova
    }
}

impl Clone for DmaRegion {
    fn clone(&self) -> Self {
        Self {
            // SAFETY: the mapping, which lives at least as long, keeps the memory.
            span: unsafe { self.span.again() },
            mapping: Arc::clone(&self.mapping),
        }
    }
}

impl Deref for DmaRegion {
    type Target = Span;

    #[inline]
    fn deref(&self) -> &Span {
        &self.span
    }
}

impl std::fmt::Debug for DmaRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DmaRegion")
            .field("iova", &format_args!("{:#x}", self.iova()))
            .field("size_bytes", &self.size_bytes())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(region: &DmaRegion, index: usize) -> Result<[u8; 64], OutOfRange> {
        let mut entry = [0; 64];
        region
            .read_entry(index, &mut entry, |_| true)
            .map(|_| entry)
    }

    #[test]
    fn an_entry_that_is_not_there_is_not_copied() -> Result<(), Box<dyn std::error::Error>> {
        let region = DmaRegion::heap(PAGE_BYTES).ok_or("no memory")?;
        region.write_entry(1, &[7; 64])?;
        let mut entry = [0; 64];
        let mut seen = 0;
        let copied = region.read_entry(1, &mut entry, |entry| {
            seen = entry[63];
            false
        });
        assert_eq!((copied, seen, entry[0]), (Ok(false), 7, 0));
        Ok(())
    }

    /// Copies that begin or end within a word leave the bytes around them as they are.
    #[test]
    fn bytes_of_any_place_and_length_are_copied() -> Result<(), Box<dyn std::error::Error>> {
        let data: [u8; 40] = std::array::from_fn(|at| at as u8 + 1);
        for offset in 0..16 {
            for len in 0..data.len() {
                let mut expected = [0; 64];
                expected[offset..offset + len].copy_from_slice(&data[..len]);
                let region = DmaRegion::heap(PAGE_BYTES).ok_or("no memory")?;
                region.write(offset, &data[..len])?;
                assert_eq!(entry(&region, 0)?, expected);
                let mut out = [0xff; 40];
                region.read(offset, &mut out[..len])?;
                assert_eq!(out[..len], data[..len]);
                assert_eq!(out[len..], [0xff; 40][len..]);

                for to_offset in [0, 3, 8] {
                    let to = DmaRegion::heap(PAGE_BYTES).ok_or("no memory")?;
                    to.copy_from(to_offset, &region, offset, len)?;
                    let mut expected = [0; 64];
                    expected[to_offset..to_offset + len].copy_from_slice(&data[..len]);
                    assert_eq!(entry(&to, 0)?, expected);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn nothing_beyond_the_end_is_touched() -> Result<(), Box<dyn std::error::Error>> {
        let region = DmaRegion::heap(PAGE_BYTES).ok_or("no memory")?;
        let entries = PAGE_BYTES / 64;
        region.write_entry(entries - 1, &[7; 64])?;
        assert_eq!(entry(&region, entries - 1)?, [7; 64]);
        for index in [entries, usize::MAX] {
            assert!(entry(&region, index).is_err());
            assert!(region.write_entry(index, &[7; 64]).is_err());
        }
        let other = region.clone();
        for (offset, len) in [(PAGE_BYTES, 1), (PAGE_BYTES - 7, 8), (usize::MAX, 8)] {
            assert!(region.read(offset, &mut vec![0; len]).is_err());
            assert!(region.write(offset, &vec![0; len]).is_err());
            assert!(region.copy_from(offset, &other, 0, len).is_err());
            assert!(region.copy_from(0, &other, offset, len).is_err());
        }
        Ok(())
    }
}
