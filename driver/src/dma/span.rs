//! Access to memory that the device may write at any moment.

use std::ptr::NonNull;
use std::sync::atomic::{fence, Ordering};

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

/// Bytes that the device may write at any moment, so there is never a Rust reference to them: they are copied in and out, by
/// volatile access, bounds-checked, here and nowhere else.
///
/// It is only had by reference, from the [`DmaMemory`](super::DmaMemory) or the [`DmaRegion`](super::DmaRegion) that keeps the
/// memory alive.
#[derive(Debug)]
pub struct Span {
    /// Aligned to words at least.
    base: NonNull<u8>,
    /// Whole words.
    size_bytes: usize,
}

// SAFETY: the memory is only reached through volatile copies of plain bytes that make no reference. Races between threads are
// those that a device would cause, and any bytes are valid.
unsafe impl Send for Span {}
// SAFETY: as above.
unsafe impl Sync for Span {}

impl Span {
    /// # Safety
    /// `size_bytes` at `base` can be read and written as long as the span lives; both are multiples of a word.
    pub(super) const unsafe fn new(base: NonNull<u8>, size_bytes: usize) -> Self {
        Self { base, size_bytes }
    }

    /// Another of the same bytes.
    ///
    /// # Safety
    /// As for [`Span::new`].
    pub(super) const unsafe fn again(&self) -> Self {
        Self {
            base: self.base,
            size_bytes: self.size_bytes,
        }
    }

    /// Size in bytes.
    #[inline]
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
            Some(end) if end <= self.size_bytes => Ok(()),
            _ => Err(OutOfRange {
                offset,
                len_bytes,
                size_bytes: self.size_bytes,
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
        if offset.is_multiple_of(WORD_BYTES) {
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
        if offset.is_multiple_of(WORD_BYTES) {
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
    /// `is_there` says so of it; then what the device wrote before that word is seen as well. Whether it did.
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
        const { assert!(BYTES.is_multiple_of(WORD_BYTES)) };
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
        (0..last).for_each(|at| copy(entry, at));
        Ok(true)
    }

    /// Copies entry `index` of a ring of such entries in, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub(crate) fn write_entry<const BYTES: usize>(
        &self,
        index: usize,
        entry: &[u8; BYTES],
    ) -> Result<(), OutOfRange> {
        const { assert!(BYTES.is_multiple_of(WORD_BYTES)) };
        let offset = index.saturating_mul(BYTES);
        self.check(offset, BYTES)?;
        for (at, word) in entry.chunks_exact(WORD_BYTES).enumerate() {
            let value = native_word(word);
            // SAFETY: in range (checked), and aligned, being a whole number of words from the base.
            unsafe { self.word(offset + at * WORD_BYTES).write_volatile(value) };
        }
        Ok(())
    }

    /// Copies from another span (which must be of other memory: overlapping copies go in ascending order), word by word when
    /// both places allow it.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing is copied.
    #[inline]
    pub fn copy_from(
        &self,
        offset: usize,
        source: &Span,
        source_offset: usize,
        len_bytes: usize,
    ) -> Result<(), OutOfRange> {
        self.check(offset, len_bytes)?;
        source.check(source_offset, len_bytes)?;
        let mut done = 0;
        if (offset | source_offset).is_multiple_of(WORD_BYTES) {
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
    fn copy_piece(&self, offset: usize, source: &Span, source_offset: usize, len_bytes: usize) {
        let mut done = 0;
        if (offset | source_offset).is_multiple_of(WORD_BYTES) {
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
