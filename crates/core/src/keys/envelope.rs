//! Envelope encryption under KMS keys: ciphertext blobs, encryption contexts, key material.
//!
//! A blob names its key without the Region when the key is multi-Region, so that every related
//! key opens it (promise R5). Header and encryption context are authenticated. What a blob looks
//! like, byte by byte, is in `docs/storage-format.md`.

use std::collections::BTreeMap;

use crate::ids::{AccountId, KeyArn, KeyId, MaterialId, Region, Scope};
use crate::keys::model::{KeySpec, KmsKey, Material};
use crate::plaintext::{KeyBytes, Plaintext, SymmetricKey};
use crate::ports::{Crypto, Entropy, Unopened};

/// AWS: a map of strings, case-sensitive, order of no meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncryptionContext(BTreeMap<Box<str>, Box<str>>);

impl EncryptionContext {
    pub fn new(pairs: BTreeMap<Box<str>, Box<str>>) -> Self {
        Self(pairs)
    }

    /// AWS: what Secrets Manager encrypts a value's data key under.
    pub fn of_secret(arn: &str, version: &str) -> Self {
        Self(BTreeMap::from([
            ("SecretARN".into(), arn.into()),
            ("SecretVersionId".into(), version.into()),
        ]))
    }

    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| &**value)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|key| &**key)
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether every pair of `other` is one of these.
    pub fn includes(&self, other: &Self) -> bool {
        other.pairs().all(|(key, value)| self.value(key) == Some(value))
    }

    /// Characters of all keys and values, which AWS bounds.
    pub fn chars(&self) -> usize {
        self.0.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum()
    }

    /// Appends lengths and bytes, in key order: an unambiguous form to authenticate.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for text in self.0.iter().flat_map(|(key, value)| [key, value]) {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// What is in the clear at the front of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobHeader {
    /// The account that owned the key.
    pub account: AccountId,
    pub key: KeyId,
    /// The key's Region; `None` for a multi-Region key.
    pub region: Option<Region>,
    pub material: MaterialId,
}

/// The first bytes of every blob: format 1 of an encryption under a symmetric key.
const MAGIC: [u8; 4] = [0x01, 0x02, 0x02, 0x00];
const MULTI_REGION: u8 = 1;

impl BlobHeader {
    fn of(arn: &KeyArn, material: MaterialId) -> Self {
        let region = (!arn.id.is_multi_region()).then_some(arn.scope.region);
        Self { account: arn.scope.account, key: arn.id, region, material }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(if self.region.is_none() { MULTI_REGION } else { 0 });
        out.extend_from_slice(self.account.as_str().as_bytes());
        out.extend_from_slice(self.key.bytes());
        out.extend_from_slice(&self.material.0);
        let region = self.region.as_ref().map_or("", Region::as_str);
        out.push(u8::try_from(region.len()).unwrap_or_default());
        out.extend_from_slice(region.as_bytes());
    }

    /// Splits a blob into its header, the header's bytes and the sealed rest.
    pub fn parse(blob: &[u8]) -> Result<(Self, &[u8], &[u8]), Unopened> {
        let mut rest = blob;
        let mut take = |len: usize| -> Result<&[u8], Unopened> {
            let (head, tail) = rest.split_at_checked(len).ok_or(Unopened)?;
            rest = tail;
            Ok(head)
        };
        if take(MAGIC.len())? != MAGIC {
            return Err(Unopened);
        }
        let multi_region = match take(1)? {
            [0] => false,
            [MULTI_REGION] => true,
            _ => return Err(Unopened),
        };
        let account = text(take(12)?)?.parse().map_err(|_| Unopened)?;
        let key = take(16)?.try_into().map_err(|_| Unopened)?;
        let material = MaterialId(take(32)?.try_into().map_err(|_| Unopened)?);
        let len = usize::from(*take(1)?.first().ok_or(Unopened)?);
        let region = match text(take(len)?)? {
            "" => None,
            name => Some(name.parse().map_err(|_| Unopened)?),
        };
        if region.is_none() != multi_region {
            return Err(Unopened);
        }
        let header_len = blob.len() - rest.len();
        let (head, sealed) = blob.split_at_checked(header_len).ok_or(Unopened)?;
        Ok((
            Self { account, key: KeyId::from_bytes(key, multi_region), region, material },
            head,
            sealed,
        ))
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unopened> {
    core::str::from_utf8(bytes).map_err(|_| Unopened)
}

/// What wrapped key material is bound to: spec, account, key and Region.
fn material_aad(arn: &KeyArn, spec: KeySpec, material: MaterialId) -> Vec<u8> {
    let mut aad = labelled("regent/material", spec);
    aad.extend_from_slice(arn.scope.region.as_str().as_bytes());
    aad.push(0);
    aad.extend_from_slice(arn.scope.account.as_str().as_bytes());
    aad.extend_from_slice(arn.id.bytes());
    aad.push(u8::from(arn.id.is_multi_region()));
    aad.extend_from_slice(&material.0);
    aad
}

/// What key material on its way to another Region is bound to: nothing of either Region.
pub fn transport_aad(
    account: AccountId,
    id: KeyId,
    spec: KeySpec,
    material: MaterialId,
) -> Vec<u8> {
    let mut aad = labelled("regent/material-transport", spec);
    aad.extend_from_slice(account.as_str().as_bytes());
    aad.extend_from_slice(id.bytes());
    aad.push(u8::from(id.is_multi_region()));
    aad.extend_from_slice(&material.0);
    aad
}

/// The beginning of associated data. The spec is part of it, so that no material is ever taken for
/// one of another kind. Symmetric keys were there first and have no name in theirs.
fn labelled(label: &str, spec: KeySpec) -> Vec<u8> {
    let mut aad = Vec::with_capacity(160);
    aad.extend_from_slice(label.as_bytes());
    match spec {
        KeySpec::SymmetricDefault => aad.extend_from_slice(b"/v1\0"),
        other => {
            aad.extend_from_slice(b"/v2\0");
            aad.extend_from_slice(other.as_str().as_bytes());
            aad.push(0);
        }
    }
    aad
}

/// New random material for a symmetric key.
pub fn generate_material(
    arn: &KeyArn,
    now: crate::time::Timestamp,
    crypto: &dyn Crypto,
    entropy: &dyn Entropy,
) -> Material {
    let key = SymmetricKey::new(crate::ports::random(entropy));
    store_material(arn, KeySpec::SymmetricDefault, &key.into(), now, crypto, entropy)
}

/// New material for a key of any spec.
pub fn new_material(
    arn: &KeyArn,
    spec: KeySpec,
    now: crate::time::Timestamp,
    crypto: &dyn Crypto,
    entropy: &dyn Entropy,
) -> Material {
    let (bytes, public) = match spec {
        KeySpec::SymmetricDefault => return generate_material(arn, now, crypto, entropy),
        KeySpec::Hmac(hash) => {
            let mut bytes = vec![0; hash.output_len()];
            entropy.fill(&mut bytes);
            (KeyBytes::new(bytes), None)
        }
        KeySpec::Pair(pair) => {
            let pair = crypto.pairs().generate_pair(pair);
            (pair.private, Some(pair.public))
        }
    };
    Material { public, ..store_material(arn, spec, &bytes, now, crypto, entropy) }
}

/// Wraps material for this Region's store.
pub fn store_material(
    arn: &KeyArn,
    spec: KeySpec,
    bytes: &KeyBytes,
    created: crate::time::Timestamp,
    crypto: &dyn Crypto,
    entropy: &dyn Entropy,
) -> Material {
    let id = crypto.material_id(bytes);
    let wrapped = crypto.wrap(&material_aad(arn, spec, id), bytes, entropy).into();
    Material { id, created, rotated: None, wrapped: Some(wrapped), public: None, import: None }
}

/// Unwraps one generation of a symmetric key's material. Material that is not here does not open.
fn open_key(
    arn: &KeyArn,
    material: &Material,
    crypto: &dyn Crypto,
) -> Result<SymmetricKey, Unopened> {
    let wrapped = material.wrapped.as_ref().ok_or(Unopened)?;
    crypto.unwrap_key(&material_aad(arn, KeySpec::SymmetricDefault, material.id), wrapped)
}

/// Unwraps one generation of a key's material, of whatever spec.
pub fn open_material(
    arn: &KeyArn,
    spec: KeySpec,
    material: &Material,
    crypto: &dyn Crypto,
) -> Result<KeyBytes, Unopened> {
    let wrapped = material.wrapped.as_ref().ok_or(Unopened)?;
    crypto.unwrap(&material_aad(arn, spec, material.id), wrapped)
}

/// Encrypts under the current material of `key`, which must be usable: state and permission are
/// the caller's to check.
pub fn encrypt(
    key: &KmsKey,
    scope: Scope,
    context: &EncryptionContext,
    plaintext: &[u8],
    crypto: &dyn Crypto,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Unopened> {
    let arn = key.arn(scope);
    let material = key.materials.last().ok_or(Unopened)?;
    let opened = open_key(&arn, material, crypto)?;
    let mut blob = Vec::with_capacity(160 + plaintext.len());
    BlobHeader::of(&arn, material.id).write_to(&mut blob);
    let mut aad = blob.clone();
    context.write_to(&mut aad);
    blob.extend_from_slice(&crypto.seal(&opened, &aad, plaintext, entropy));
    Ok(blob)
}

/// Decrypts a blob under the generation of `key` that made it.
pub fn decrypt(
    key: &KmsKey,
    scope: Scope,
    context: &EncryptionContext,
    blob: &[u8],
    crypto: &dyn Crypto,
) -> Result<Plaintext, Unopened> {
    let (header, head, sealed) = BlobHeader::parse(blob)?;
    let arn = key.arn(scope);
    if header.key != arn.id || header.account != scope.account {
        return Err(Unopened);
    }
    let material = key.materials.iter().find(|m| m.id == header.material).ok_or(Unopened)?;
    let opened = open_key(&arn, material, crypto)?;
    let mut aad = head.to_vec();
    context.write_to(&mut aad);
    crypto.open(&opened, &aad, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::spec::HmacHash;
    use crate::testing::World;
    use proptest::prelude::*;

    fn arn(bytes: [u8; 16], multi_region: bool) -> KeyArn {
        KeyArn { scope: World::new().scope(), id: KeyId::from_bytes(bytes, multi_region) }
    }

    proptest! {
        #[test]
        fn headers_survive(
            bytes in any::<[u8; 16]>(),
            multi_region in any::<bool>(),
            material in any::<[u8; 32]>(),
            sealed in any::<Vec<u8>>(),
        ) {
            let header = BlobHeader::of(&arn(bytes, multi_region), MaterialId(material));
            let mut blob = Vec::new();
            header.write_to(&mut blob);
            let len = blob.len();
            blob.extend_from_slice(&sealed);
            let (parsed, head, rest) = BlobHeader::parse(&blob).unwrap();
            prop_assert_eq!(parsed, header);
            prop_assert_eq!((head.len(), rest), (len, &sealed[..]));
            prop_assert!(len + 56 <= 6144 - 4096, "the longest plaintext fits in a blob");
        }

        /// PROMISE R8: any bytes get an answer.
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in any::<Vec<u8>>()) {
            let _ = BlobHeader::parse(&bytes);
        }

        /// Bytes that begin like a header get further.
        #[test]
        fn almost_headers_parse_or_are_refused(
            tail in any::<Vec<u8>>(),
            altered in any::<(prop::sample::Index, u8)>(),
            cut in any::<prop::sample::Index>(),
            multi_region in any::<bool>(),
        ) {
            let mut blob = Vec::new();
            BlobHeader::of(&arn([7; 16], multi_region), MaterialId([9; 32])).write_to(&mut blob);
            blob.extend_from_slice(&tail);
            let (at, value) = altered;
            *at.get_mut(&mut blob) = value;
            let shorter = blob.get(..cut.index(blob.len())).unwrap();
            for bytes in [&blob[..], shorter] {
                if let Ok((_, head, rest)) = BlobHeader::parse(bytes) {
                    prop_assert_eq!(head.len() + rest.len(), bytes.len());
                }
            }
        }

        /// No two contexts authenticate as the same bytes.
        #[test]
        fn contexts_are_unambiguous(
            one in prop::collection::btree_map("[ab]{0,3}", "[ab]{0,3}", 0..3),
            two in prop::collection::btree_map("[ab]{0,3}", "[ab]{0,3}", 0..3),
        ) {
            let bytes = |pairs: &BTreeMap<String, String>| {
                let pairs = pairs.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into()));
                let mut out = Vec::new();
                EncryptionContext::new(pairs.collect()).write_to(&mut out);
                out
            };
            prop_assert_eq!(one == two, bytes(&one) == bytes(&two));
        }
    }

    /// What is stored and what other Regions send must open for ever, so its associated data is pinned.
    #[test]
    fn what_material_is_bound_to_byte_by_byte() {
        let (arn, id) = (arn([0xab; 16], true), MaterialId([0xcd; 32]));
        let (symmetric, hmac) = (KeySpec::SymmetricDefault, KeySpec::Hmac(HmacHash::Sha256));
        let key = [&b"111122223333"[..], &[0xab; 16], &[1], &[0xcd; 32]].concat();
        let stored = |spec| material_aad(&arn, spec, id);
        let region = &b"us-east-1\0"[..];
        assert_eq!(stored(symmetric), [b"regent/material/v1\0", region, &key].concat());
        assert_eq!(stored(hmac), [b"regent/material/v2\0HMAC_256\0", region, &key].concat());
        let sent = |spec| transport_aad(arn.scope.account, arn.id, spec, id);
        assert_eq!(sent(symmetric), [&b"regent/material-transport/v1\0"[..], &key].concat());
        assert_eq!(sent(hmac), [&b"regent/material-transport/v2\0HMAC_256\0"[..], &key].concat());
    }

    /// A multi-Region blob does not say where it was made; a single-Region blob does.
    #[test]
    fn headers_byte_by_byte() {
        let shown = |multi_region| {
            let mut blob = Vec::new();
            BlobHeader::of(&arn([0xab; 16], multi_region), MaterialId([0xcd; 32]))
                .write_to(&mut blob);
            blob
        };
        let common = [&b"111122223333"[..], &[0xab; 16], &[0xcd; 32]].concat();
        assert_eq!(shown(true), [&[1, 2, 2, 0, 1], &common[..], &[0]].concat());
        assert_eq!(shown(false), [&[1, 2, 2, 0, 0], &common[..], &[9], b"us-east-1"].concat());
        // Another format, another kind, or a kind that the Region contradicts.
        let (multi, single) = (shown(true), shown(false));
        for (header, at, byte) in [
            (&multi, 0, 0),
            (&multi, 3, 1),
            (&multi, 4, 0),
            (&multi, 4, 2),
            (&single, 4, 1),
            (&single, 4, 2),
            (&single, 5, b'x'),
            (&single, 66, b'!'),
        ] {
            let mut altered = header.clone();
            altered[at] = byte;
            assert_eq!(BlobHeader::parse(&altered).err(), Some(Unopened), "{at} {byte}");
        }
    }

    /// What another Region, of an older version perhaps, binds material to as well.
    #[test]
    fn transported_material_is_bound_to_the_key() {
        let key = arn([0xab; 16], true);
        let aad = |spec| transport_aad(key.scope.account, key.id, spec, MaterialId([0xcd; 32]));
        let common = [&b"111122223333"[..], &[0xab; 16], &[1], &[0xcd; 32]].concat();
        let symmetric = [&b"regent/material-transport/v1\0"[..], &common].concat();
        assert_eq!(aad(KeySpec::SymmetricDefault), symmetric);
        let hmac = [&b"regent/material-transport/v2\0HMAC_256\0"[..], &common].concat();
        assert_eq!(aad(KeySpec::Hmac(HmacHash::Sha256)), hmac);
    }
}
