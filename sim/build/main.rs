//! Builds the Verilated models.

mod flags;
mod models;

fn main() {
    println!("cargo:rerun-if-changed=build");
    if let Err(error) = models::build() {
        // Cargo shows what a build script prints on stderr when it fails.
        eprintln!("\nhandclasp-sim: {error}\n");
        std::process::exit(1);
    }
}
