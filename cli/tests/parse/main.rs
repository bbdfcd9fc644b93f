//! `handclasp parse` against tshark, an independent dissector.

mod files;
mod formats;
mod frames;
mod oracle;
mod streams;
