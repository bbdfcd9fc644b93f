//! The NIC on PCI Express, by way of VFIO.

mod function;
mod pages;

pub use function::Function;
pub use pages::{PageSize, Pages, HUGE_PAGE_BYTES};
