//! What cryptography costs alone: each operation of the bench's KMS scenes on aws-lc-rs directly,
//! without a store, a protocol or a server. Prints nanoseconds of processor time for one operation.
//!
//! `cargo run --release -p regent-crypto --example raw -- OPERATION MILLISECONDS`, with one of the
//! names of [`OPERATIONS`]. Keys are read before the clock starts, buffers are reused: nothing that is
//! measured could be left out. `cargo xtask bench` runs it between its rounds.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example stops at the first error, prints, and is what reads the clock"
)]

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256,
};

/// Bytes that are encrypted or signed.
const TEXT_LEN: usize = 1024;
const DATA_KEY_LEN: usize = 32;
/// Operations between two looks at the clock.
const BATCH: u32 = 16;

type Operation = Box<dyn FnMut()>;
type Make = fn() -> Operation;

const OPERATIONS: [(&str, Make); 7] = [
    ("encrypt", || seal(false)),
    ("decrypt", open),
    ("data-key", || seal(true)),
    ("sign-p256", || {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let random = SystemRandom::new();
        Box::new(move || assert!(key.sign(&random, &[7; TEXT_LEN]).is_ok()))
    }),
    ("verify-p256", || {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let signature = key.sign(&SystemRandom::new(), &[7; TEXT_LEN]).unwrap();
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key()).unwrap();
        Box::new(move || public.verify_sig(&[7; TEXT_LEN], signature.as_ref()).unwrap())
    }),
    ("sign-rsa2048", || {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let (random, mut signature) = (SystemRandom::new(), vec![0; key.public_modulus_len()]);
        Box::new(move || {
            key.sign(&RSA_PSS_SHA256, &random, &[7; TEXT_LEN], &mut signature).unwrap();
        })
    }),
    ("verify-rsa2048", || {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &[7; TEXT_LEN], &mut signature).unwrap();
        let public = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key()).unwrap();
        Box::new(move || public.verify_sig(&[7; TEXT_LEN], &signature).unwrap())
    }),
];

fn key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
}

/// Sealing a text, or a data key that is made for it.
fn seal(data_key: bool) -> Operation {
    let (key, mut text) = (key(), Vec::with_capacity(2 * TEXT_LEN));
    Box::new(move || {
        text.clear();
        text.resize(if data_key { DATA_KEY_LEN } else { TEXT_LEN }, 7);
        if data_key {
            fill(&mut text).unwrap();
        }
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce).unwrap();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut text).unwrap();
    })
}

fn open() -> Operation {
    let (key, mut sealed) = (key(), vec![7; TEXT_LEN]);
    let nonce = || Nonce::assume_unique_for_key([1; NONCE_LEN]);
    key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).unwrap();
    let mut text = Vec::with_capacity(sealed.len());
    Box::new(move || {
        text.clear();
        text.extend_from_slice(&sealed);
        key.open_in_place(nonce(), Aad::empty(), &mut text).unwrap();
    })
}

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, milliseconds] = arguments.try_into().unwrap();
    let (_, make) = OPERATIONS.iter().find(|(known, _)| *known == name).unwrap();
    let time = Duration::from_millis(milliseconds.parse().unwrap());
    let mut operation = make();
    operation();
    let (started, before) = (Instant::now(), cpu());
    let mut count = 0;
    while started.elapsed() < time {
        (0..BATCH).for_each(|_| operation());
        count += BATCH;
    }
    println!("{}", cpu().saturating_sub(before).as_nanos() / u128::from(count));
}

/// Processor time of this thread so far. The kernel brings it up to date at each tick, so that a
/// measurement of some hundred milliseconds is exact to some percent.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}
