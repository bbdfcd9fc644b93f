//! Prints the Verilog of the NIC: what scripts/synth reads, without building the simulator that the command `handclasp emit` comes with.
//!
//! `cargo run -p handclasp-hdl --example emit -- WIDTH`, with a width of 64 or 512 bits.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let width = std::env::args().nth(1).ok_or("which width, 64 or 512?")?;
    print!("{}", handclasp_hdl::emit(width.parse()?)?);
    Ok(())
}
