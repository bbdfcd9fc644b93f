//! Memory shared with the device.
//!
//! The device may write at any moment, so there is never a Rust reference into this memory: all access goes through
//! volatile copies, bounds-checked, here and nowhere else.

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::ptr::NonNull;
use std::sync::atomic::{fence, Ordering};
use std::sync::Arc;

use crate::vfio::Pages;

/// Alignment of DMA memory, and granularity of its mapping, in bytes.
pub const PAGE_BYTES: usize = 4096;

/// What is read or written at once wherever it can be.
const WORD_BYTES: usize = 8;

/// Words are copied by so many bytes in a row, which costs less than one after the other.
const BLOCK_BYTES: usize = 8 * WORD_BYTES;

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

    #[inline]
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
        for at in (0..self.size_bytes).step_by(WORD_BYTES) {
            // SAFETY: in range and aligned, since base and size are whole pages.
            unsafe { self.word(at).write_volatile(0) };
        }
    }

    /// The word at `offset`, a multiple of [`WORD_BYTES`] as the base is: so it is aligned.
    fn word(&self, offset: usize) -> *mut u64 {
        self.base.as_ptr().wrapping_add(offset).cast()
    }

    fn byte(&self, offset: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(offset)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<(), OutOfRange> {
        self.check(offset, out.len())?;
        let mut done = 0;
        if offset % WORD_BYTES == 0 {
            let mut from = self.word(offset);
            for block in out.chunks_exact_mut(BLOCK_BYTES) {
                for word in block.chunks_exact_mut(WORD_BYTES) {
                    // SAFETY: in range (checked) and aligned.
                    let value = unsafe { from.read_volatile() };
                    word.copy_from_slice(&value.to_ne_bytes());
                    from = from.wrapping_add(1);
                }
            }
            done = out.len() / BLOCK_BYTES * BLOCK_BYTES;
        }
        if let Some(rest @ [_, ..]) = out.get_mut(done..) {
            self.read_piece(offset + done, rest);
        }
        Ok(())
    }

    /// Copies out what lies in range (the caller has checked), of any alignment and length.
    #[inline(never)]
    fn read_piece(&self, offset: usize, out: &mut [u8]) {
        let (head, rest) = out.split_at_mut(bytes_before_word(offset).min(out.len()));
        let mut words = rest.chunks_exact_mut(WORD_BYTES);
        let mut from = self.byte(offset);
        for byte in head {
            // SAFETY: in range (checked).
            *byte = unsafe { from.read_volatile() };
            from = from.wrapping_add(1);
        }
        for word in &mut words {
            // SAFETY: in range (checked), and aligned behind the head.
            let value = unsafe { from.cast::<u64>().read_volatile() };
            word.copy_from_slice(&value.to_ne_bytes());
            from = from.wrapping_add(WORD_BYTES);
        }
        for byte in words.into_remainder() {
            // SAFETY: in range (checked).
            *byte = unsafe { from.read_volatile() };
            from = from.wrapping_add(1);
        }
    }

    /// Copies bytes in, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.check(offset, data.len())?;
        let mut done = 0;
        if offset % WORD_BYTES == 0 {
            let mut to = self.word(offset);
            for block in data.chunks_exact(BLOCK_BYTES) {
                for word in block.chunks_exact(WORD_BYTES) {
                    // SAFETY: in range (checked) and aligned.
                    unsafe { to.write_volatile(native_word(word)) };
                    to = to.wrapping_add(1);
                }
            }
            done = data.len() / BLOCK_BYTES * BLOCK_BYTES;
        }
        if let Some(rest @ [_, ..]) = data.get(done..) {
            self.write_piece(offset + done, rest);
        }
        Ok(())
    }

    /// Copies in what lies in range (the caller has checked), of any alignment and length.
    #[inline(never)]
    fn write_piece(&self, offset: usize, data: &[u8]) {
        let (head, rest) = data.split_at(bytes_before_word(offset).min(data.len()));
        let words = rest.chunks_exact(WORD_BYTES);
        let tail = words.remainder();
        let mut to = self.byte(offset);
        for byte in head {
            // SAFETY: in range (checked).
            unsafe { to.write_volatile(*byte) };
            to = to.wrapping_add(1);
        }
        for word in words {
            let value = native_word(word);
            // SAFETY: in range (checked), and aligned behind the head.
            unsafe { to.cast::<u64>().write_volatile(value) };
            to = to.wrapping_add(WORD_BYTES);
        }
        for byte in tail {
            // SAFETY: in range (checked).
            unsafe { to.write_volatile(*byte) };
            to = to.wrapping_add(1);
        }
    }

    /// Copies entry `index` of a ring of such entries out, which are whole words: the last word first, and the others if
    /// `is_there` says so of it. Whether it did.
    #[inline]
    fn read_entry<const BYTES: usize>(
        &self,
        index: usize,
        entry: &mut [u8; BYTES],
        is_there: impl FnOnce(&[u8; BYTES]) -> bool,
    ) -> Result<bool, OutOfRange> {
        const { assert!(BYTES % WORD_BYTES == 0) };
        let offset = index.saturating_mul(BYTES);
        self.check(offset, BYTES)?;
        let words = self.word(offset);
        let copy = |entry: &mut [u8; BYTES], at: usize| {
            // SAFETY: in range (checked), and aligned, being a whole number of words from the base.
            let value = unsafe { words.wrapping_add(at).read_volatile() };
            entry[at * WORD_BYTES..][..WORD_BYTES].copy_from_slice(&value.to_ne_bytes());
        };
        let last = BYTES / WORD_BYTES - 1;
        copy(entry, last);
        if !is_there(entry) {
            return Ok(false);
        }
        fence(Ordering::Acquire);
        (0..=last).for_each(|at| copy(entry, at));
        Ok(true)
    }

    /// Copies entry `index` of a ring of such entries in, in ascending order.
    #[inline]
    fn write_entry<const BYTES: usize>(
        &self,
        index: usize,
        entry: &[u8; BYTES],
    ) -> Result<(), OutOfRange> {
        const { assert!(BYTES % WORD_BYTES == 0) };
        let offset = index.saturating_mul(BYTES);
        self.check(offset, BYTES)?;
        for (at, word) in entry.chunks_exact(WORD_BYTES).enumerate() {
            let value = native_word(word);
            // SAFETY: in range (checked), and aligned, being a whole number of words from the base.
            unsafe { self.word(offset + at * WORD_BYTES).write_volatile(value) };
        }
        Ok(())
    }

    /// Copies from other memory: word by word when both places allow it.
    #[inline]
    fn copy_from(
        &self,
        offset: usize,
        source: &DmaMemory,
        source_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        self.check(offset, len_bytes)?;
        source.check(source_offset, len_bytes)?;
        let mut done = 0;
        if (offset | source_offset) % WORD_BYTES == 0 {
            let (mut to, mut from) = (self.word(offset), source.word(source_offset));
            for _ in 0..len_bytes / BLOCK_BYTES {
                for _ in 0..BLOCK_BYTES / WORD_BYTES {
                    // SAFETY: both in range (checked) and aligned.
                    unsafe { to.write_volatile(from.read_volatile()) };
                    (to, from) = (to.wrapping_add(1), from.wrapping_add(1));
                }
            }
            done = len_bytes / BLOCK_BYTES * BLOCK_BYTES;
        }
        if done < len_bytes {
            self.copy_piece(
                offset + done,
                source,
                source_offset + done,
                len_bytes - done,
            );
        }
        Ok(())
    }

    /// Copies what lies in range of both (the caller has checked), of any alignment and length.
    #[inline(never)]
    fn copy_piece(
        &self,
        offset: usize,
        source: &DmaMemory,
        source_offset: usize,
        len_bytes: usize,
    ) {
        let mut done = 0;
        if (offset | source_offset) % WORD_BYTES == 0 {
            let (mut to, mut from) = (self.word(offset), source.word(source_offset));
            for _ in 0..len_bytes / WORD_BYTES {
                // SAFETY: both in range (checked by the caller) and aligned.
                unsafe { to.write_volatile(from.read_volatile()) };
                (to, from) = (to.wrapping_add(1), from.wrapping_add(1));
            }
            done = len_bytes / WORD_BYTES * WORD_BYTES;
        }
        while done < len_bytes {
            let mut chunk = [0; 256];
            let take = chunk.len().min(len_bytes - done);
            source.read_piece(source_offset + done, &mut chunk[..take]);
            self.write_piece(offset + done, &chunk[..take]);
            done += take;
        }
    }
}

/// Bytes from `offset` up to the next word.
#[inline]
fn bytes_before_word(offset: usize) -> usize {
    offset.wrapping_neg() % WORD_BYTES
}

/// The word that these [`WORD_BYTES`] bytes are in memory.
#[inline]
fn native_word(bytes: &[u8]) -> u64 {
    bytes
        .first_chunk()
        .map_or(0, |word| u64::from_ne_bytes(*word))
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
    #[inline]
    pub fn iova(&self) -> u64 {
        self.mapping.iova
    }

    /// Size in bytes.
    #[inline]
    pub fn size_bytes(&self) -> usize {
        self.mapping.memory.size_bytes()
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<(), OutOfRange> {
        self.mapping.memory.read(offset, out)
    }

    /// Copies bytes in, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.mapping.memory.write(offset, data)
    }

    /// Copies `len_bytes` from another region (which must be another memory: overlapping copies go in ascending order).
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn copy_from(
        &self,
        offset: usize,
        source: &DmaRegion,
        source_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        let source = &source.mapping.memory;
        self.mapping
            .memory
            .copy_from(offset, source, source_offset, len_bytes)
    }

    /// Copies entry `index` of a ring out: the memory as an array of entries of `BYTES`, which are whole words. The last
    /// word comes first, and the others only if `is_there` says so of it; then what the device wrote before that word is
    /// seen as well. Whether it did.
    ///
    /// # Errors
    /// [`OutOfRange`].
    #[inline]
    pub(crate) fn read_entry<const BYTES: usize>(
        &self,
        index: usize,
        entry: &mut [u8; BYTES],
        is_there: impl FnOnce(&[u8; BYTES]) -> bool,
    ) -> Result<bool, OutOfRange> {
        self.mapping.memory.read_entry(index, entry, is_there)
    }

    /// Copies an entry in, as [`DmaRegion::read_entry`] copies it out.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub(crate) fn write_entry<const BYTES: usize>(
        &self,
        index: usize,
        entry: &[u8; BYTES],
    ) -> Result<(), OutOfRange> {
        self.mapping.memory.write_entry(index, entry)
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

    /// Around words that are whole and words that are not, nothing else is touched.
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
