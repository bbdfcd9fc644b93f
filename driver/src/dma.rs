//! Memory shared with the device.
//!
//! The device may write at any moment, so there is never a Rust reference into this memory: all access goes through
//! volatile copies, bounds-checked, here and nowhere else.

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::vfio::Pages;

/// Alignment of DMA memory, and granularity of its mapping, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// An access that does not lie within the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len_bytes} bytes at offset {offset} do not lie within {size_bytes} bytes of DMA memory")]
pub struct OutOfRange {
    /// First byte asked for.
    pub offset: usize,
    /// Number of bytes asked for.
    pub len_bytes: usize,
    /// Size of the memory.
    pub size_bytes: usize,
}

/// Page-aligned memory: the raw side of a [`DmaRegion`], which a simulated device keeps as well.
#[derive(Debug)]
pub struct DmaMemory {
    base: NonNull<u8>,
    size_bytes: usize,
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

// SAFETY: the memory is owned, and only reached through volatile copies of plain bytes that make no reference.
// Races between threads are those that a device would cause, and any bytes are valid.
unsafe impl Send for DmaMemory {}
// SAFETY: as above.
unsafe impl Sync for DmaMemory {}

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
            base,
            size_bytes: layout.size(),
            backing: Backing::Heap(layout),
        })
    }

    /// The piece of `pages` from `offset` on, as it is; `None` when offset and size are not multiples of
    /// [`PAGE_BYTES`], or the piece does not lie within the pages.
    pub fn piece(pages: &Arc<Pages>, offset: usize, size_bytes: usize) -> Option<Self> {
        let end = offset.checked_add(size_bytes)?;
        let whole = offset % PAGE_BYTES == 0 && size_bytes % PAGE_BYTES == 0;
        if !whole || end > pages.size_bytes() {
            return None;
        }
        // SAFETY: the offset lies within the mapping, or at its end.
        let base = NonNull::new(unsafe { pages.as_ptr().add(offset) })?;
        Some(Self {
            base,
            size_bytes,
            backing: Backing::Pages(Arc::clone(pages)),
        })
    }

    /// Size in bytes, a multiple of [`PAGE_BYTES`].
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Start of the memory, for mapping it into an I/O address space.
    pub fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    fn check(&self, offset: usize, len_bytes: usize) -> Result<(), OutOfRange> {
        match offset.checked_add(len_bytes) {
            Some(end) if end <= self.size_bytes() => Ok(()),
            _ => Err(OutOfRange {
                offset,
                len_bytes,
                size_bytes: self.size_bytes(),
            }),
        }
    }

    /// Overwrites all of it with zeros.
    pub fn zero(&self) {
        for at in (0..self.size_bytes).step_by(8) {
            // SAFETY: in range and aligned, since base and size are whole pages.
            unsafe { self.base.as_ptr().add(at).cast::<u64>().write_volatile(0) };
        }
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<(), OutOfRange> {
        self.check(offset, out.len())?;
        let mut at = offset;
        let mut rest = out;
        while !rest.is_empty() {
            if at % 8 == 0 && rest.len() >= 8 {
                // SAFETY: in range (checked), and aligned since the base is page aligned.
                let word = unsafe { self.base.as_ptr().add(at).cast::<u64>().read_volatile() };
                let (head, tail) = rest.split_at_mut(8);
                head.copy_from_slice(&word.to_ne_bytes());
                (at, rest) = (at + 8, tail);
            } else {
                // SAFETY: in range (checked).
                let byte = unsafe { self.base.as_ptr().add(at).read_volatile() };
                let (head, tail) = rest.split_at_mut(1);
                head[0] = byte;
                (at, rest) = (at + 1, tail);
            }
        }
        Ok(())
    }

    /// Copies bytes in, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.check(offset, data.len())?;
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            match rest.first_chunk::<8>() {
                Some(word) if at % 8 == 0 => {
                    let word = u64::from_ne_bytes(*word);
                    // SAFETY: in range (checked), and aligned since the base is page aligned.
                    unsafe {
                        self.base
                            .as_ptr()
                            .add(at)
                            .cast::<u64>()
                            .write_volatile(word)
                    };
                    (at, rest) = (at + 8, &rest[8..]);
                }
                _ => {
                    // SAFETY: in range (checked).
                    unsafe { self.base.as_ptr().add(at).write_volatile(rest[0]) };
                    (at, rest) = (at + 1, &rest[1..]);
                }
            }
        }
        Ok(())
    }
}

impl Drop for DmaMemory {
    fn drop(&mut self) {
        if let Backing::Heap(layout) = self.backing {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.base.as_ptr(), layout) }
        }
    }
}

/// Called when the last clone of a region is dropped: a bus takes the mapping down here.
pub trait Unmap: Send + Sync {
    /// The range that starts at this I/O address is no longer used.
    fn unmap(&self, iova: u64);
}

struct Mapping {
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
#[derive(Clone)]
pub struct DmaRegion {
    mapping: Arc<Mapping>,
}

impl DmaRegion {
    /// A region that `owner` has mapped at `iova`, and unmaps when the last clone is gone.
    pub fn mapped(memory: Arc<DmaMemory>, iova: u64, owner: Arc<dyn Unmap>) -> Self {
        Self {
            mapping: Arc::new(Mapping {
                memory,
                iova,
                owner: Some(owner),
            }),
        }
    }

    /// A region that no device reaches (I/O address 0), for tests of what lies above the bus; `None` as for
    /// [`DmaMemory::new`].
    pub fn heap(size_bytes: usize) -> Option<Self> {
        Some(Self {
            mapping: Arc::new(Mapping {
                memory: Arc::new(DmaMemory::new(size_bytes)?),
                iova: 0,
                owner: None,
            }),
        })
    }

    /// First I/O address.
    pub fn iova(&self) -> u64 {
        self.mapping.iova
    }

    /// Size in bytes.
    pub fn size_bytes(&self) -> usize {
        self.mapping.memory.size_bytes()
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<(), OutOfRange> {
        self.mapping.memory.read(offset, out)
    }

    /// Copies bytes in, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.mapping.memory.write(offset, data)
    }

    /// Copies `len_bytes` from another region (which must be another memory: overlapping copies go in ascending order).
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    pub fn copy_from(
        &self,
        offset: usize,
        source: &DmaRegion,
        source_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        self.mapping.memory.check(offset, len_bytes)?;
        source.mapping.memory.check(source_offset, len_bytes)?;
        let mut chunk = [0; 256];
        let mut done = 0;
        while done < len_bytes {
            let take = chunk.len().min(len_bytes - done);
            source.read(source_offset + done, &mut chunk[..take])?;
            self.write(offset + done, &chunk[..take])?;
            done += take;
        }
        Ok(())
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
