//! Builds the Verilated models, when the feature `verilated` asks for them.

#[cfg(feature = "verilated")]
mod models;

fn main() {
    println!("cargo:rerun-if-changed=build");
    #[cfg(feature = "verilated")]
    if let Err(error) = models::build() {
        // Cargo shows what a build script prints on stderr when it fails.
        eprintln!("\nhandclasp-sim: {error}\n");
        std::process::exit(1);
    }
}
