//! The memory that a client lends the function, by I/O address: its IOMMU.
//!
//! Each mapping brings a file and says which part of it is seen where. A file is mapped into this process once, however
//! many mappings there are (a guest's IOMMU maps page by page, each with a descriptor of the same file). Only files that
//! cannot shrink are taken: cut off by the client, they would end this process with SIGBUS.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use handclasp_driver::dma::PAGE_BYTES;
use handclasp_driver::vfio::Pages;
use handclasp_driver::DmaMemory;
use nix::errno::Errno;

use super::counts::{count, Counts};
use handclasp_reference::io_memory::{IoFault, IoMemory};

/// As many mappings as Linux allows a VFIO container (dma_entry_limit of vfio_iommu_type1).
const MAPS_MAX: usize = 65_535;

/// What the device may do with a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// It may read.
    pub read: bool,
    /// It may write.
    pub write: bool,
}

/// I/O addresses and what is behind them.
#[derive(Debug)]
pub struct DmaTable {
    state: Mutex<State>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct State {
    bus_master: bool,
    /// By first I/O address; no two overlap.
    maps: BTreeMap<u64, Map>,
    /// Files that a mapping shows a part of, by device and inode.
    files: HashMap<(u64, u64), Weak<DmaMemory>>,
}

#[derive(Debug)]
struct Map {
    /// Last I/O address.
    last: u64,
    /// The file, and where in it the first address lies. `None`: the client has kept it (a ROM), nothing is reached.
    memory: Option<(Arc<DmaMemory>, usize)>,
    rights: Rights,
}

impl DmaTable {
    /// Nothing mapped, bus mastering off.
    pub fn new(counts: Arc<Counts>) -> Self {
        Self {
            state: Mutex::default(),
            counts,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the function reach memory, or not; no access is under way when this returns.
    pub fn set_bus_master(&self, on: bool) {
        self.state().bus_master = on;
    }

    /// Number of mappings.
    pub fn len(&self) -> usize {
        self.state().maps.len()
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Maps `size` bytes of a file from `offset` on at `address`.
    ///
    /// # Errors
    /// `EINVAL` for a range that is empty or not within the addresses, `EEXIST` when it overlaps another one, `ENOSPC`
    /// for one mapping too many; for a file that can shrink or is too short, or what the system says of it.
    pub fn map(
        &self,
        rights: Rights,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        let result = self.try_map(rights, offset, address, size, file);
        count(match result {
            Ok(()) => &self.counts.maps,
            Err(_) => &self.counts.refused_maps,
        });
        result
    }

    fn try_map(
        &self,
        rights: Rights,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        let last = last_of(address, size)?;
        let mut state = self.state();
        if state.overlaps(address, last) {
            return Err(Errno::EEXIST.into());
        }
        if state.maps.len() >= MAPS_MAX {
            return Err(Errno::ENOSPC.into());
        }
        let memory = file
            .map(|file| state.memory_of(file, offset, size))
            .transpose()?;
        state.maps.insert(
            address,
            Map {
                last,
                memory,
                rights,
            },
        );
        Ok(())
    }

    /// Takes down every mapping between `address` and `address + size`; there need not be any. When this returns, no
    /// access is under way there.
    ///
    /// # Errors
    /// `EINVAL` for an impossible range, or one that would cut a mapping in two.
    pub fn unmap(&self, address: u64, size: u64) -> io::Result<()> {
        let last = last_of(address, size)?;
        let mut state = self.state();
        let cut = |at: u64| {
            let map = state.maps.range(..at).next_back();
            map.is_some_and(|(_, map)| map.last >= at)
        };
        if cut(address) || last.checked_add(1).is_some_and(cut) {
            return Err(Errno::EINVAL.into());
        }
        let found: Vec<u64> = state
            .maps
            .range(address..=last)
            .map(|(first, _)| *first)
            .collect();
        for first in found {
            state.maps.remove(&first);
            count(&self.counts.unmaps);
        }
        state.forget_files();
        Ok(())
    }

    /// The client takes everything down.
    pub fn unmap_all(&self) {
        let unmapped = self.clear() as u64;
        self.counts.unmaps.fetch_add(unmapped, Ordering::Relaxed);
    }

    /// Forgets the client's mappings, and returns how many there were.
    pub fn clear(&self) -> usize {
        let mut state = self.state();
        let maps = std::mem::take(&mut state.maps).len();
        state.forget_files();
        maps
    }

    fn fault(&self, state: &State, address: u64) -> IoFault {
        if state.bus_master {
            count(&self.counts.dma_faults);
            tracing::debug!("nothing is mapped for this access at I/O address {address:#x}");
        } else {
            count(&self.counts.dma_blocked);
        }
        IoFault { address }
    }
}

/// The last address of a range.
fn last_of(address: u64, size: u64) -> io::Result<u64> {
    let last = size
        .checked_sub(1)
        .and_then(|most| address.checked_add(most));
    last.ok_or_else(|| Errno::EINVAL.into())
}

impl State {
    fn overlaps(&self, address: u64, last: u64) -> bool {
        // Since mappings do not overlap, the one that begins last is the one that ends last.
        let before = self.maps.range(..=last).next_back();
        before.is_some_and(|(_, map)| map.last >= address)
    }

    /// The file's memory, mapped once, and the offset into it.
    fn memory_of(
        &mut self,
        file: File,
        offset: u64,
        size: u64,
    ) -> io::Result<(Arc<DmaMemory>, usize)> {
        let metadata = file.metadata()?;
        let end = offset.checked_add(size).ok_or(Errno::EINVAL)?;
        if end > metadata.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the file ends at {}, the mapping at {end}", metadata.len()),
            ));
        }
        let offset = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        let end = usize::try_from(end).map_err(|_| Errno::EINVAL)?;
        let inode = (metadata.dev(), metadata.ino());
        let known = self.files.get(&inode).and_then(Weak::upgrade);
        // A file may have grown since.
        if let Some(memory) = known.filter(|memory| end <= memory.size_bytes()) {
            return Ok((memory, offset));
        }
        let pages = Arc::new(Pages::of_file(file)?);
        let whole_pages = pages.size_bytes() / PAGE_BYTES * PAGE_BYTES;
        let memory = DmaMemory::piece(&pages, 0, whole_pages)
            .filter(|memory| end <= memory.size_bytes())
            .ok_or(Errno::EINVAL)?;
        let memory = Arc::new(memory);
        self.files.insert(inode, Arc::downgrade(&memory));
        Ok((memory, offset))
    }

    /// Forgets files that no mapping shows any more; their memory is already gone.
    fn forget_files(&mut self) {
        self.files.retain(|_, memory| memory.strong_count() > 0);
    }

    /// Calls `visit` with each piece of memory behind a range, in order: offset into the memory, and which of the range's
    /// bytes these are. False when there is no memory with these rights.
    fn visit(
        &self,
        address: u64,
        len_bytes: usize,
        allowed: impl Fn(Rights) -> bool,
        mut visit: impl FnMut(&DmaMemory, usize, std::ops::Range<usize>) -> bool,
    ) -> bool {
        if !self.bus_master {
            return false;
        }
        let mut done = 0;
        while done < len_bytes {
            let Some(at) = address.checked_add(done as u64) else {
                return false;
            };
            let found = self.maps.range(..=at).next_back();
            let Some((first, map)) = found.filter(|(_, map)| map.last >= at) else {
                return false;
            };
            let Some((memory, offset)) = map.memory.as_ref().filter(|_| allowed(map.rights)) else {
                return false;
            };
            let left =
                usize::try_from(map.last - at).map_or(usize::MAX, |most| most.saturating_add(1));
            let take = left.min(len_bytes - done);
            // In range: the mapping lies within the memory, whose size is a usize.
            let offset = offset + (at - first) as usize;
            if !visit(memory, offset, done..done + take) {
                return false;
            }
            done += take;
        }
        true
    }
}

/// A range may lie in several mappings that follow each other. All of it is checked before any of it is touched, and the
/// table does not change meanwhile.
impl IoMemory for DmaTable {
    fn read(&self, address: u64, out: &mut [u8]) -> Result<(), IoFault> {
        let state = self.state();
        let allowed = |rights: Rights| rights.read;
        let whole = state.visit(address, out.len(), allowed, |_, _, _| true)
            && state.visit(address, out.len(), allowed, |memory, offset, bytes| {
                memory.read(offset, &mut out[bytes]).is_ok()
            });
        if whole {
            Ok(())
        } else {
            Err(self.fault(&state, address))
        }
    }

    fn write(&self, address: u64, data: &[u8]) -> Result<(), IoFault> {
        let state = self.state();
        let allowed = |rights: Rights| rights.write;
        let whole = state.visit(address, data.len(), allowed, |_, _, _| true)
            && state.visit(address, data.len(), allowed, |memory, offset, bytes| {
                memory.write(offset, &data[bytes]).is_ok()
            });
        if whole {
            Ok(())
        } else {
            Err(self.fault(&state, address))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use handclasp_driver::vfio::PageSize;

    use super::*;

    const BOTH: Rights = Rights {
        read: true,
        write: true,
    };

    /// 64 KiB of memory whose bytes are known, and its file.
    fn memory() -> (DmaMemory, File) {
        let pages = Arc::new(Pages::new(0x1_0000, PageSize::Ordinary).unwrap());
        let file = File::from(pages.as_fd().try_clone_to_owned().unwrap());
        let memory = DmaMemory::piece(&pages, 0, 0x1_0000).unwrap();
        for at in (0..0x1_0000).step_by(2) {
            memory.write(at, &(at as u16).to_be_bytes()).unwrap();
        }
        (memory, file)
    }

    fn table() -> DmaTable {
        let table = DmaTable::new(Arc::default());
        table.set_bus_master(true);
        table
    }

    fn count_of(table: &DmaTable, name: &str) -> u64 {
        let values = table.counts.values();
        values.iter().find(|(known, _)| *known == name).unwrap().1
    }

    #[test]
    fn a_range_over_adjacent_mappings_is_one_and_a_hole_is_none() {
        let (memory, file) = memory();
        let table = table();
        let map = |offset, address, size| {
            let file = file.try_clone().unwrap();
            table.map(BOTH, offset, address, size, Some(file)).unwrap();
        };
        // Three pages side by side, in another order than in the file, and one apart.
        map(0x5000, 0x10_0000, 0x1000);
        map(0x2000, 0x10_1000, 0x1000);
        map(0x8000, 0x10_2000, 0x1000);
        map(0x0000, 0x10_4000, 0x1000);
        let mut seen = [0; 4];
        table.read(0x10_0ffe, &mut seen).unwrap();
        assert_eq!(seen, [0x5f, 0xfe, 0x20, 0x00]);
        let mut all = [0; 0x3000];
        table.read(0x10_0000, &mut all).unwrap();
        assert_eq!(all[0x2ffe..], [0x8f, 0xfe]);
        table.write(0x10_1ffe, &[1, 2, 3, 4]).unwrap();
        memory.read(0x2ffe, &mut seen).unwrap();
        assert_eq!(seen, [1, 2, 0x30, 0x00], "no further than the mapping");
        memory.read(0x8000, &mut seen).unwrap();
        assert_eq!(seen, [3, 4, 0x80, 0x02]);
        for (address, len) in [
            (0x10_2ffe, 4),
            (0x10_3ffe, 4),
            (0x0f_fffe, 4),
            (0x10_4fff, 2),
            (u64::MAX, 2),
            (0, 1),
        ] {
            let fault = Err(IoFault { address });
            assert_eq!(table.read(address, &mut vec![0; len]), fault);
            assert_eq!(table.write(address, &vec![0xee; len]), fault);
        }
        memory.read(0x8ffc, &mut seen).unwrap();
        assert_eq!(
            seen,
            [0x8f, 0xfc, 0x8f, 0xfe],
            "nothing of a refused write is written"
        );
        assert_eq!(count_of(&table, "pcie_dma_faults"), 12);
        assert_eq!(table.state().files.len(), 1, "one file, mapped once");
        table.unmap(0, 1 << 40).unwrap();
        assert!(table.state().files.is_empty());
        assert!(table.read(0x10_0000, &mut seen).is_err());
    }

    #[test]
    fn only_what_a_mapping_allows_is_done_and_nothing_without_bus_mastering() {
        let (_memory, file) = memory();
        let table = table();
        for (address, read, write) in [(0x1000, true, false), (0x2000, false, true)] {
            let file = file.try_clone().unwrap();
            let rights = Rights { read, write };
            table.map(rights, 0, address, 0x1000, Some(file)).unwrap();
            assert_eq!(table.read(address, &mut [0]).is_ok(), read);
            assert_eq!(table.write(address, &[0]).is_ok(), write);
        }
        table.map(BOTH, 0, 0x3000, 0x1000, None).unwrap();
        assert!(
            table.read(0x3000, &mut [0]).is_err(),
            "a ROM is not reached"
        );
        assert_eq!(count_of(&table, "pcie_dma_faults"), 3);
        table.set_bus_master(false);
        assert!(table.read(0x1000, &mut [0]).is_err());
        assert!(table.write(0x2000, &[0]).is_err());
        assert_eq!(count_of(&table, "pcie_dma_faults"), 3);
        assert_eq!(count_of(&table, "pcie_dma_blocked"), 2);
    }

    #[test]
    fn a_file_that_has_grown_is_seen_whole() {
        let flags = nix::sys::memfd::MFdFlags::MFD_ALLOW_SEALING;
        let file = File::from(nix::sys::memfd::memfd_create(c"grows", flags).unwrap());
        let seal = nix::fcntl::FcntlArg::F_ADD_SEALS(nix::fcntl::SealFlag::F_SEAL_SHRINK);
        nix::fcntl::fcntl(&file, seal).unwrap();
        file.set_len(0x1000).unwrap();
        let table = table();
        let map = |offset, address| {
            let file = file.try_clone().unwrap();
            table.map(BOTH, offset, address, 0x1000, Some(file))
        };
        map(0, 0x1000).unwrap();
        assert!(map(0x1000, 0x2000).is_err());
        file.set_len(0x2000).unwrap();
        map(0x1000, 0x2000).unwrap();
        table.write(0x1fff, &[1, 2]).unwrap();
        let mut seen = [0; 2];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut seen, 0xfff).unwrap();
        assert_eq!(seen, [1, 2]);
    }
}
