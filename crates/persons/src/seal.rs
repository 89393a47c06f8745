//! Sealing: XChaCha20-Poly1305 under 256-bit keys, random nonces, and the place of each text bound to it.
//!
//! A sealed text is nonce (24 bytes), ciphertext, tag (16 bytes). What it belongs to (whose, which revision)
//! is authenticated beside it, so that rows cannot be exchanged. Keys and opened texts are wiped when they
//! are dropped.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::error::PersonsError;

const NONCE_BYTES: usize = 24;
/// Bytes of every key here.
pub(crate) const KEY_BYTES: usize = 32;
/// Sealed records are padded to a multiple of this, so that their length does not tell that of a name.
const PADDED_TO: usize = 256;
/// Bytes in front of a padded text that hold its length.
const LENGTH_BYTES: usize = 4;

/// Fills with random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, PersonsError> {
    let mut bytes = Zeroizing::new([0u8; N]);
    getrandom::fill(bytes.as_mut()).map_err(|error| PersonsError::NoRandom(error.to_string()))?;
    Ok(bytes)
}

/// A key that seals.
#[derive(Clone)]
pub(crate) struct SealKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(kept back)")
    }
}

impl SealKey {
    /// A new one from the operating system's random source.
    pub(crate) fn random() -> Result<Self, PersonsError> {
        random().map(Self)
    }

    /// From bytes that were opened; `None` when they are not as many as a key has.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// The key itself, to be sealed under another one.
    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// A key derived from this one for one purpose.
    pub(crate) fn derived(&self, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(purpose);
        hasher.update(self.0.as_ref());
        let key = Self(Zeroizing::new(*hasher.finalize().as_bytes()));
        hasher.reset();
        key
    }

    /// Seals a text to its place.
    pub(crate) fn seal(&self, place: &str, text: &[u8]) -> Result<Vec<u8>, PersonsError> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| damaged(place))?;
        let mut out = Vec::with_capacity(NONCE_BYTES.saturating_add(sealed.len()));
        out.extend_from_slice(nonce.as_ref());
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what was sealed to this place under this key.
    pub(crate) fn open(
        &self,
        place: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, PersonsError> {
        let split = sealed.split_first_chunk::<NONCE_BYTES>();
        let (nonce, sealed) = split.ok_or_else(|| damaged(place))?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| damaged(place))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes().into())
    }
}

fn damaged(place: &str) -> PersonsError {
    PersonsError::Damaged {
        what: place.to_owned(),
    }
}

/// Pads a text: its length, itself, zeros up to the next multiple of 256 bytes.
pub(crate) fn padded(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let whole = LENGTH_BYTES.saturating_add(text.len());
    let mut out = Zeroizing::new(Vec::with_capacity(whole.next_multiple_of(PADDED_TO)));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text);
    out.resize(whole.next_multiple_of(PADDED_TO), 0);
    out
}

/// The text of a padded one; `None` when it is none.
pub(crate) fn unpadded(padded: &[u8]) -> Option<&[u8]> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c17_what_is_sealed_opens_at_its_own_place_under_its_own_key_only() {
        let (key, other) = (SealKey::random().unwrap(), SealKey::random().unwrap());
        let sealed = key.seal("person p-1", b"Aminah").unwrap();
        assert_eq!(
            key.open("person p-1", &sealed).unwrap().as_slice(),
            b"Aminah"
        );
        assert!(key.open("person p-2", &sealed).is_err());
        assert!(other.open("person p-1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut spoilt = sealed.clone();
            spoilt[at] ^= 1;
            assert!(key.open("person p-1", &spoilt).is_err(), "byte {at}");
        }
        assert!(key.open("person p-1", &sealed[..10]).is_err());
        assert_ne!(sealed, key.seal("person p-1", b"Aminah").unwrap());
    }

    #[test]
    fn c17_the_length_of_a_sealed_record_does_not_tell_that_of_a_name() {
        let (short, long) = (padded(b"Al"), padded(b"Aminah binti Haji Abdullah"));
        assert_eq!(short.len(), long.len());
        assert_eq!(unpadded(&long).unwrap(), b"Aminah binti Haji Abdullah");
        assert_eq!(unpadded(&padded(&[7; 300])).unwrap(), [7; 300]);
        assert_eq!(unpadded(b"\0\0\0\x09abc"), None);
    }

    #[test]
    fn c17_a_key_never_shows_itself() {
        let key = SealKey::of(&[0x41; KEY_BYTES]).unwrap();
        assert_eq!(format!("{key:?}"), "SealKey(kept back)");
    }
}
