//! Key pairs for tests and simulated runs: cheap, the same in every run, and as strict as real ones
//! about which key, algorithm and message belong together. They protect nothing.
//!
//! A private key is a tag of its spec and 32 bytes; its public key is a hash of it. This file is
//! also compiled into the simulator, hence the crate's own name in its paths.

use core::cell::Cell;

use regent_core::keys::spec::{
    Curve, HmacHash, KeySpec, MlKem, OaepHash, PairSpec, SigningAlgorithm,
};
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{Encapsulated, Message, NotAKey, Pair, Pairs, Unopened};

/// Makes and uses fake pairs. `region` keeps the pairs of two Regions apart.
#[derive(Debug)]
pub struct FakePairs {
    region: Box<str>,
    made: Cell<u64>,
}

impl FakePairs {
    pub fn new(region: &str) -> Self {
        Self { region: region.into(), made: Cell::new(0) }
    }

    fn fresh(&self) -> [u8; 32] {
        self.made.set(self.made.get() + 1);
        expand(&[b"fresh", self.region.as_bytes(), &self.made.get().to_le_bytes()])
    }
}

/// Bytes before the random part of a private key, or before the hash in a public one.
const TAG_LEN: usize = 5;

fn tag(kind: u8, spec: PairSpec) -> [u8; TAG_LEN] {
    let [a, b, c, d] = KeySpec::Pair(spec).code().to_le_bytes();
    [kind, a, b, c, d]
}

fn public_of(private: &[u8]) -> Result<Box<[u8]>, Unopened> {
    let (tag, _) = private.split_first_chunk::<TAG_LEN>().ok_or(Unopened)?;
    if tag[0] != b's' {
        return Err(Unopened);
    }
    let [_, spec @ ..] = tag;
    Ok([&b"p"[..], spec, &expand(&[b"public", private])].concat().into())
}

fn checked(public: &[u8], spec: PairSpec) -> Result<(), Unopened> {
    let fits = public.len() == TAG_LEN + 32 && public.starts_with(&tag(b'p', spec));
    if fits { Ok(()) } else { Err(Unopened) }
}

/// A hash of 32 bytes over the parts and their lengths: FNV-1a, four times.
fn expand(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    for (at, chunk) in out.chunks_mut(8).enumerate() {
        let mut state: u64 = 0xcbf2_9ce4_8422_2325 ^ (at as u64);
        for part in parts {
            for byte in (part.len() as u64).to_le_bytes().iter().chain(*part) {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&(state ^ (state >> 31)).to_le_bytes());
    }
    out
}

fn signature(public: &[u8], algorithm: SigningAlgorithm, message: Message<'_>) -> Vec<u8> {
    let (kind, bytes): (&[u8], &[u8]) = match message {
        Message::Raw(bytes) => (b"raw", bytes),
        Message::Digest(bytes) => (b"digest", bytes),
        Message::ExternalMu(bytes) => (b"mu", bytes),
    };
    expand(&[b"sign", public, algorithm.as_str().as_bytes(), kind, bytes]).to_vec()
}

/// Bytes of what tells altered bytes from others.
const CHECK_LEN: usize = 32;

fn modulus_len(public: &[u8]) -> Result<usize, Unopened> {
    match public.get(1..TAG_LEN).and_then(|code| code.try_into().ok()).map(u32::from_le_bytes) {
        Some(code) => match KeySpec::of_code(code) {
            Some(KeySpec::Pair(PairSpec::Rsa(size))) => Ok(size.modulus_len()),
            _ => Err(Unopened),
        },
        None => Err(Unopened),
    }
}

fn sealed(public: &[u8], hash: OaepHash, text: &[u8]) -> Vec<u8> {
    let hash = [hash as u8];
    let mut body = text.to_vec();
    for (at, chunk) in body.chunks_mut(32).enumerate() {
        let stream = expand(&[b"mask", public, &hash, &(at as u64).to_le_bytes()]);
        chunk.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
    }
    body
}

impl Pairs for FakePairs {
    fn generate_pair(&self, spec: PairSpec) -> Pair {
        let private = [&tag(b's', spec)[..], &self.fresh()].concat();
        let public = public_of(&private).unwrap_or_default();
        Pair { private: KeyBytes::new(private), public }
    }

    fn read_pair(&self, spec: PairSpec, private: &KeyBytes) -> Result<Pair, NotAKey> {
        let bytes = private.expose();
        if bytes.len() != TAG_LEN + 32 || !bytes.starts_with(&tag(b's', spec)) {
            return Err(NotAKey);
        }
        let public = public_of(bytes).map_err(|_| NotAKey)?;
        Ok(Pair { private: KeyBytes::new(bytes.to_vec()), public })
    }

    fn sign(
        &self,
        spec: PairSpec,
        private: &KeyBytes,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, Unopened> {
        let public = public_of(private.expose())?;
        checked(&public, spec)?;
        Ok(signature(&public, algorithm, message))
    }

    fn verify(
        &self,
        spec: PairSpec,
        public: &[u8],
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        given: &[u8],
    ) -> bool {
        checked(public, spec).is_ok() && signature(public, algorithm, message) == given
    }

    fn mac(&self, hash: HmacHash, key: &KeyBytes, message: &[u8]) -> Vec<u8> {
        let parts: [&[u8]; 3] = [b"mac", key.expose(), message];
        let long = [expand(&parts), expand(&[b"mac again", key.expose(), message])].concat();
        long.into_iter().take(hash.output_len()).collect()
    }

    fn oaep_encrypt(
        &self,
        public: &[u8],
        hash: OaepHash,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        // As long as the modulus, like the real thing.
        let modulus_len = modulus_len(public)?;
        let len = u16::try_from(plaintext.len()).map_err(|_| Unopened)?;
        let padded_len = modulus_len.checked_sub(CHECK_LEN + 2).ok_or(Unopened)?;
        let mut text = plaintext.to_vec();
        if text.len() > padded_len {
            return Err(Unopened);
        }
        text.resize(padded_len, 0);
        let check = expand(&[b"oaep", public, &[hash as u8], &len.to_be_bytes(), &text]);
        Ok([&check[..], &len.to_be_bytes(), &sealed(public, hash, &text)].concat())
    }

    fn oaep_decrypt(
        &self,
        private: &KeyBytes,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened> {
        let public = public_of(private.expose())?;
        let (check, body) = ciphertext.split_first_chunk::<CHECK_LEN>().ok_or(Unopened)?;
        let (len, body) = body.split_first_chunk::<2>().ok_or(Unopened)?;
        let mut text = sealed(&public, hash, body);
        if *check != expand(&[b"oaep", &public, &[hash as u8], len, &text]) {
            return Err(Unopened);
        }
        text.truncate(usize::from(u16::from_be_bytes(*len)));
        Ok(Plaintext::new(text))
    }

    fn agree(&self, curve: Curve, private: &KeyBytes, peer: &[u8]) -> Result<Plaintext, Unopened> {
        let own = public_of(private.expose())?;
        checked(&own, PairSpec::Ecc(curve))?;
        checked(peer, PairSpec::Ecc(curve))?;
        let (less, more) = if *own < *peer { (&*own, peer) } else { (peer, &*own) };
        Ok(Plaintext::new(expand(&[b"agree", less, more]).to_vec()))
    }

    fn encapsulate(&self, set: MlKem, public: &[u8]) -> Result<Encapsulated, Unopened> {
        checked(public, PairSpec::MlKem(set))?;
        let ciphertext = self.fresh().to_vec();
        let secret = Plaintext::new(expand(&[b"kem", public, &ciphertext]).to_vec());
        Ok(Encapsulated { secret, ciphertext })
    }

    fn decapsulate(
        &self,
        set: MlKem,
        private: &KeyBytes,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened> {
        let public = public_of(private.expose())?;
        checked(&public, PairSpec::MlKem(set))?;
        if ciphertext.len() != 32 {
            return Err(Unopened);
        }
        Ok(Plaintext::new(expand(&[b"kem", &public, ciphertext]).to_vec()))
    }

    fn unwrap_padded(&self, key: &Plaintext, wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        if key.len() != 32 {
            return Err(Unopened);
        }
        let (check, body) = wrapped.split_first_chunk::<32>().ok_or(Unopened)?;
        let right = *check == expand(&[b"wrap", key.expose(), body]);
        if right { Ok(KeyBytes::new(body.to_vec())) } else { Err(Unopened) }
    }
}

/// What [`Pairs::unwrap_padded`] of the fakes opens.
pub fn wrap_padded(key: &[u8], text: &[u8]) -> Vec<u8> {
    [&expand(&[b"wrap", key, text])[..], text].concat()
}
