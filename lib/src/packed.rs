//! A document compressed once for the whole fleet.
//!
//! The gzip file is laid out so that the payload of a WebSocket message under permessage-deflate is a slice of it: the
//! JSON is deflated with a sync flush (RFC 1951), giving `S`, which ends in an empty stored block `00 00 ff ff`; the file is
//! `header + S + 03 00 + crc32 + length` (RFC 1952, with `03 00` the final empty block), and the message's payload is
//! `S` without its last four bytes (RFC 7692, 7.2.1).

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress};

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const SYNC_MARK: [u8; 4] = [0, 0, 0xff, 0xff];
const LAST_BLOCK: [u8; 2] = [3, 0];
const TRAILER: usize = 8;

/// From this size on speed goes before size: level 1 takes a third of level 6's time for half as much again.
const LARGE: usize = 8 << 20;

/// A compressed document of Heat's own making. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed(Bytes);

/// Bytes that are not a document packed by [`Packed::new`].
#[derive(Debug, thiserror::Error)]
pub enum NotPacked {
    /// Not laid out as this module does it.
    #[error("not a gzip file of Heat's layout; was it written by another version?")]
    Layout,
    /// The compressed data is broken.
    #[error("broken compressed data: {0}")]
    Data(#[from] io::Error),
}

impl Packed {
    /// Compresses `json`.
    ///
    /// # Errors
    /// Only if the compressor itself fails, which is a defect.
    pub fn new(json: &[u8]) -> io::Result<Self> {
        let level = if json.len() > LARGE { Compression::fast() } else { Compression::new(6) };
        let mut deflate = Compress::new(level, false);
        let mut out = Vec::with_capacity(json.len() / 4 + 256);
        out.extend_from_slice(&HEADER);
        loop {
            let read = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
            deflate.compress_vec(&json[read..], &mut out, FlushCompress::Sync).map_err(io::Error::other)?;
            // Room left means that nothing is waiting inside the compressor any more.
            if deflate.total_in() == json.len() as u64 && out.len() < out.capacity() {
                break;
            }
            out.reserve(out.capacity() / 2);
        }
        debug_assert!(out.ends_with(&SYNC_MARK));
        let mut crc = Crc::new();
        crc.update(json);
        out.extend_from_slice(&LAST_BLOCK);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(Self(out.into()))
    }

    /// Takes back what [`Packed::gzip`] gave out, from a store.
    ///
    /// # Errors
    /// [`NotPacked::Layout`] if the bytes are something else. The compressed data itself is not read.
    pub fn from_gzip(gzip: impl Into<Bytes>) -> Result<Self, NotPacked> {
        let gzip = gzip.into();
        let tail = gzip
            .len()
            .checked_sub(TRAILER + LAST_BLOCK.len() + SYNC_MARK.len())
            .filter(|&at| at >= HEADER.len());
        let marks = tail.map(|at| &gzip[at..gzip.len() - TRAILER]);
        if gzip.starts_with(&HEADER) && marks == Some(&[0, 0, 0xff, 0xff, 3, 0]) {
            Ok(Self(gzip))
        } else {
            Err(NotPacked::Layout)
        }
    }

    /// The whole gzip file: an HTTP body with `Content-Encoding: gzip`.
    pub fn gzip(&self) -> &Bytes {
        &self.0
    }

    /// The payload of a permessage-deflate message (RSV1 set) whose text is the document. Shares the memory.
    pub fn message(&self) -> Bytes {
        self.0.slice(HEADER.len()..self.0.len() - TRAILER - LAST_BLOCK.len() - SYNC_MARK.len())
    }

    /// The document's length before compression, in bytes, modulo 2^32.
    pub fn json_len(&self) -> usize {
        let at = self.0.len() - 4;
        self.0[at..].iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte))
    }

    /// The document itself, for clients that take no compression and for readers inside.
    ///
    /// # Errors
    /// [`NotPacked::Data`] if the bytes were damaged on the way.
    pub fn json(&self) -> Result<Vec<u8>, NotPacked> {
        let mut json = Vec::with_capacity(self.json_len());
        GzDecoder::new(&self.0[..]).read_to_end(&mut json)?;
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress};
    use proptest::prelude::*;

    fn inflated_as_a_websocket_client_does(message: &[u8], expected: usize) -> Vec<u8> {
        let mut input = message.to_vec();
        input.extend_from_slice(&SYNC_MARK);
        let mut inflate = Decompress::new(false);
        let mut out = Vec::with_capacity(expected + 64);
        inflate.decompress_vec(&input, &mut out, FlushDecompress::Sync).unwrap();
        out
    }

    proptest! {
        #[test]
        fn both_forms_give_the_document_back(
            text in prop_oneof![".{0,200}", "[ab]{0,3000}", Just("{}".to_owned())],
            times in 0_usize..60,
        ) {
            let json = text.repeat(times).into_bytes();
            let packed = Packed::new(&json).unwrap();
            prop_assert_eq!(packed.json().unwrap(), json.clone());
            prop_assert_eq!(packed.json_len(), json.len());
            prop_assert_eq!(inflated_as_a_websocket_client_does(&packed.message(), json.len()), json);
            prop_assert_eq!(Packed::from_gzip(packed.gzip().clone()).unwrap(), packed);
        }
    }

    #[test]
    fn a_document_that_does_not_compress_still_fits() {
        let mut seed = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        })
        .take(300_000)
        .collect();
        let packed = Packed::new(&noise).unwrap();
        assert_eq!(packed.json().unwrap(), noise);
        assert_eq!(inflated_as_a_websocket_client_does(&packed.message(), noise.len()), noise);
    }

    #[test]
    fn other_bytes_are_refused_and_damage_is_found() {
        assert!(matches!(Packed::from_gzip(Vec::new()), Err(NotPacked::Layout)));
        assert!(matches!(Packed::from_gzip(vec![0; 100]), Err(NotPacked::Layout)));
        let packed = Packed::new(&b"hello hello hello".repeat(9)).unwrap();
        let mut bytes = packed.gzip().to_vec();
        bytes[12] ^= 0x55;
        assert!(matches!(Packed::from_gzip(bytes).unwrap().json(), Err(NotPacked::Data(_))));
    }
}
