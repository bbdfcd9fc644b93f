//! Memory that a PCI function is given: pages of an anonymous file, so that they can be handed to another process.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{fcntl, FcntlArg, SealFlag};
use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::dma::PAGE_BYTES;

/// Size of a huge page in bytes.
pub const HUGE_PAGE_BYTES: usize = 2 << 20;

/// What the memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// Pages of [`HUGE_PAGE_BYTES`], which the administrator has set aside: one entry in the IOMMU's tables each.
    Huge,
    /// Pages of [`PAGE_BYTES`], which are always there.
    Ordinary,
}

impl PageSize {
    /// Size of a page in bytes.
    pub fn bytes(self) -> usize {
        match self {
            PageSize::Huge => HUGE_PAGE_BYTES,
            PageSize::Ordinary => PAGE_BYTES,
        }
    }
}

impl std::fmt::Display for PageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            PageSize::Huge => "huge",
            PageSize::Ordinary => "ordinary",
        })
    }
}

/// Zeroed, shared memory of whole pages. Its file can neither shrink nor grow, so no access to it ever faults.
#[derive(Debug)]
pub struct Pages {
    file: File,
    map: MmapRaw,
}

impl Pages {
    /// Memory of `size_bytes`, rounded up to whole pages.
    ///
    /// # Errors
    /// What the kernel says: mostly that there are no (huge) pages left, or that `size_bytes` is 0.
    pub fn new(size_bytes: usize, page_size: PageSize) -> io::Result<Self> {
        let size_bytes = size_bytes
            .checked_next_multiple_of(page_size.bytes())
            .filter(|&size| size > 0)
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        if page_size == PageSize::Huge {
            flags |= MFdFlags::MFD_HUGETLB | MFdFlags::MFD_HUGE_2MB;
        }
        let file = File::from(memfd_create(c"handclasp-dma", flags)?);
        file.set_len(size_bytes as u64)?;
        // Whoever gets the descriptor cannot cut the memory off under our feet.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        // Huge pages are reserved here, or this fails.
        let map = MmapOptions::new().len(size_bytes).map_raw(&file)?;
        Ok(Self { file, map })
    }

    /// The memory of another process that has sent the file of its own `Pages`, or another one that cannot shrink.
    ///
    /// # Errors
    /// What the kernel says, and `InvalidInput` for a file that can still shrink: cut off by its owner, every access to
    /// it would end this process.
    pub fn of_file(file: File) -> io::Result<Self> {
        let seals = fcntl(&file, FcntlArg::F_GET_SEALS)
            .ok()
            .map(SealFlag::from_bits_truncate);
        if !seals.is_some_and(|seals| seals.contains(SealFlag::F_SEAL_SHRINK)) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the file is not sealed against shrinking (F_SEAL_SHRINK)",
            ));
        }
        let map = MmapOptions::new().map_raw(&file)?;
        Ok(Self { file, map })
    }

    /// Size in bytes; of our own, a multiple of the page size.
    pub fn size_bytes(&self) -> usize {
        self.map.len()
    }

    /// Start of the memory. A device may read and write it at any time: volatile access only, and no reference.
    pub fn as_ptr(&self) -> *mut u8 {
        self.map.as_mut_ptr()
    }
}

impl AsFd for Pages {
    /// The file whose bytes from 0 on are this memory.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_pages_are_zeroed_whole_and_shared_with_their_file() -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let pages = Pages::new(5000, PageSize::Ordinary)?;
        assert_eq!(pages.size_bytes(), 8192);
        assert_eq!(pages.as_ptr() as usize % PAGE_BYTES, 0);
        let mut bytes = [0xff; 8192];
        pages.file.read_exact_at(&mut bytes, 0)?;
        assert_eq!(bytes, [0; 8192]);
        assert!(Pages::new(0, PageSize::Ordinary).is_err());
        assert!(Pages::new(usize::MAX, PageSize::Ordinary).is_err());
        Ok(())
    }

    #[test]
    fn memory_of_another_is_shared_if_it_cannot_shrink() -> io::Result<()> {
        let ours = Pages::new(8192, PageSize::Ordinary)?;
        let theirs = Pages::of_file(ours.file.try_clone()?)?;
        assert_eq!(theirs.size_bytes(), 8192);
        // SAFETY: byte 5000 lies within both mappings.
        let seen = unsafe {
            ours.as_ptr().add(5000).write_volatile(7);
            theirs.as_ptr().add(5000).read_volatile()
        };
        assert_eq!(seen, 7);
        let unsealed = memfd_create(c"unsealed", MFdFlags::MFD_CLOEXEC)?;
        let error = Pages::of_file(unsealed.into()).unwrap_err();
        assert!(error.to_string().contains("shrink"), "{error}");
        assert!(Pages::of_file(File::open("/dev/null")?).is_err());
        Ok(())
    }

    /// A process that has the file could otherwise end ours by cutting it off.
    #[test]
    fn the_file_keeps_its_size() -> io::Result<()> {
        let pages = Pages::new(8192, PageSize::Ordinary)?;
        for size in [0, 4096, 12288] {
            let error = pages.file.set_len(size).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        Ok(())
    }
}
