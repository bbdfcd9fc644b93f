//! `handclasp parse` against tshark, an independent dissector.

mod cost;
mod files;
mod formats;
mod frames;
mod oracle;
mod streams;
