//! The bytes of a capture file, wherever they come from: a file, a pipe, and unpacked if they are packed with gzip.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// What a gzip file starts with (RFC 1952 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes that are asked for at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why no more can be read.
pub(super) enum Stop {
    /// The file ends in the middle of what was to be read.
    Cut,
    /// The file does not keep to its format: what is wrong.
    Damaged(String),
    /// The system's answer, or that of gzip.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // gzip's word for a file that ends too early.
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Io(error),
        }
    }
}

/// A capture file that is read from its start to its end, once.
pub(super) struct Input(BufReader<Box<dyn Read + Send>>);

impl Input {
    /// Looks at the first bytes and returns up to 4 of those that are to be read, unpacked.
    pub(super) fn open(reader: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Self)> {
        let (mut magic, mut reader) = peek(reader)?;
        if magic.starts_with(&GZIP_MAGIC) {
            (magic, reader) = peek(Box::new(MultiGzDecoder::new(reader)))?;
        }
        Ok((magic, Self(BufReader::with_capacity(BUFFER_BYTES, reader))))
    }

    /// What has been read from the file and not been asked for yet.
    pub(super) fn buffered(&self) -> &[u8] {
        self.0.buffer()
    }

    /// Fills `bytes`; false at the end of the file, before the first byte.
    pub(super) fn fill_or_end(&mut self, bytes: &mut [u8]) -> Result<bool, Stop> {
        // Not `read_exact`, which makes no difference between an end before the first byte and one in the middle.
        if !bytes.is_empty() && self.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.fill(bytes)?;
        Ok(true)
    }

    /// Fills `bytes`.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        Ok(self.0.read_exact(bytes)?)
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, mut len_bytes: usize) -> Result<(), Stop> {
        while len_bytes > 0 {
            let there_bytes = self.fill_buf()?.len();
            if there_bytes == 0 {
                return Err(Stop::Cut);
            }
            let passed_bytes = there_bytes.min(len_bytes);
            self.0.consume(passed_bytes);
            len_bytes -= passed_bytes;
        }
        Ok(())
    }

    fn fill_buf(&mut self) -> Result<&[u8], Stop> {
        loop {
            match self.0.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.0.buffer())
    }
}

/// The first bytes, 4 or as many as there are, and a reader that gives them once more.
fn peek(mut reader: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut first = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut first)?;
    let again = Cursor::new(first.clone()).chain(reader);
    Ok((first, Box::new(again)))
}
