//! Prints the datasheet: `cargo run -p handclasp-layout --bin datasheet > DATASHEET.md`.

fn main() {
    print!("{}", handclasp_layout::datasheet::render());
}
