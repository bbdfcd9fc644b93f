//! I/O addresses.

use std::ops::Range;

use super::HUGE_PAGE_BYTES;

/// Where I/O addresses are taken from.
///
/// Above 4 GiB: below lie the windows to which MSI messages are written (0xfee0_0000 to 0xfeef_ffff on x86, 0x0800_0000
/// on Arm) and what firmware reserves for old devices, and 0, which is what a forgotten address looks like. Up to 39
/// bits: the narrowest IOMMU that there is on a machine with PCI Express (three levels of tables on Intel's).
pub(super) const APERTURE: Range<u64> = 1 << 32..1 << 39;

/// Alignment, and the hole between two ranges in which an over-run faults.
const STEP_BYTES: u64 = HUGE_PAGE_BYTES as u64;

/// Hands out ranges of I/O addresses, each once: 508 GiB outlast any process that keeps what it has mapped.
#[derive(Debug)]
pub(super) struct IovaAllocator {
    next: u64,
}

impl IovaAllocator {
    /// All of [`APERTURE`] is free.
    pub(super) fn new() -> Self {
        Self {
            next: APERTURE.start,
        }
    }

    /// First address of a new range, a multiple of 2 MiB, with at least 2 MiB of nothing on either side; `None` when
    /// there is no room, or the range would be empty.
    pub(super) fn take(&mut self, len_bytes: u64) -> Option<u64> {
        let iova = self.next.checked_add(STEP_BYTES)?;
        let end = iova.checked_add(len_bytes)?;
        if len_bytes == 0 || end > APERTURE.end - STEP_BYTES {
            return None;
        }
        self.next = end.checked_next_multiple_of(STEP_BYTES)?;
        Some(iova)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_aligned_apart_and_within_what_every_iommu_has() {
        let mut iovas = IovaAllocator::new();
        let mut end_before = 0;
        for len in [1, 4096, 0x1f_ffff, 0x20_0000, 0x20_0001, 1 << 30, 4096] {
            let iova = iovas.take(len).unwrap();
            assert_eq!(iova % 0x20_0000, 0);
            assert!(iova >= end_before + 0x20_0000, "a hole between two ranges");
            // By hand: x86's window for MSI messages, and 39 bits.
            assert!(iova >= 0xfef0_0000 && iova + len <= 0x80_0000_0000 - 0x20_0000);
            end_before = iova + len;
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_takes_nothing() {
        let mut iovas = IovaAllocator::new();
        for len in [0, 1 << 39, u64::MAX, (1 << 39) - (1 << 32) - 0x20_0000] {
            assert_eq!(iovas.take(len), None, "{len:#x}");
        }
        let all = (1 << 39) - (1 << 32) - 2 * 0x20_0000;
        assert_eq!(iovas.take(all), Some((1 << 32) + 0x20_0000));
        assert_eq!(iovas.take(1), None);
    }
}
