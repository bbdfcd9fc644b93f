//! The Verilog of the whole NIC.

use crate::nic::{HandclaspNic512, HandclaspNic64};
use thiserror::Error;

/// Name of the Verilog module.
pub const MODULE: &str = "handclasp_nic";

/// Why there is no Verilog.
#[derive(Debug, Error)]
pub enum NicError {
    /// The data path has no such width.
    #[error("the NIC has no data path of {0} bits: choose 64 or 512")]
    Width(usize),
    /// The printer refused a block.
    #[error(transparent)]
    Emit(#[from] handclasp_verilog::EmitError),
}

/// The Verilog of the NIC with data paths of `width` bits; the same text every time.
///
/// # Errors
/// A width that is neither 64 nor 512; a block that cannot be printed, which would be a defect of the gateware.
pub fn emit(width: usize) -> Result<String, NicError> {
    Ok(match width {
        64 => handclasp_verilog::emit(MODULE, &HandclaspNic64::default()),
        512 => handclasp_verilog::emit(MODULE, &HandclaspNic512::default()),
        other => return Err(NicError::Width(other)),
    }?)
}

/// The same NIC with the shifts and ORs of its kernels, which [`emit`] prints as concatenations: what a simulator gains by those is
/// measured against it.
///
/// # Errors
/// Those of [`emit`].
pub fn emit_operators(width: usize) -> Result<String, NicError> {
    Ok(match width {
        64 => handclasp_verilog::emit_operators(MODULE, &HandclaspNic64::default()),
        512 => handclasp_verilog::emit_operators(MODULE, &HandclaspNic512::default()),
        other => return Err(NicError::Width(other)),
    }?)
}
