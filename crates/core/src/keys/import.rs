//! Key material that is made elsewhere: how it comes here wrapped, and how long it stays.
//!
//! What GetParametersForImport gives out is kept by nobody: the private half of the wrapping key is
//! in the import token, sealed under the Region key and bound to the KMS key, so that a token that
//! was used, expired or lost leaves nothing behind. Of related keys each is given the bytes by an
//! import of its own; only the name of the material is shared: see [`crate::keys::pending`].

use crate::cx::Cx;
use crate::ids::{KeyArn, KeyId, MaterialId, Scope};
use crate::keys::access::Found;
use crate::keys::error::{Error, ImportProblem};
use crate::keys::event::{self, KeyHappening};
use crate::keys::model::{Import, KeyState, KmsKey, Material, Origin};
use crate::keys::pending;
use crate::keys::spec::{Curve, KeySpec, OaepHash, PairSpec, RsaSize};
use crate::keys::states::Rule;
use crate::limits;
use crate::plaintext::{KeyBytes, SymmetricKey};
use crate::ports::{NotAKey, StoreFault, Unopened};
use crate::records::{Due, Key, Record};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// AWS: WrappingAlgorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// The material itself is encrypted with RSA.
    Oaep(OaepHash),
    /// An AES key is, in front of the material, which is wrapped with that (RFC 5649).
    AesKeyWrap(OaepHash),
}

impl Wrapping {
    pub const ALL: [Self; 4] = [
        Self::Oaep(OaepHash::Sha1),
        Self::Oaep(OaepHash::Sha256),
        Self::AesKeyWrap(OaepHash::Sha1),
        Self::AesKeyWrap(OaepHash::Sha256),
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oaep(OaepHash::Sha1) => "RSAES_OAEP_SHA_1",
            Self::Oaep(OaepHash::Sha256) => "RSAES_OAEP_SHA_256",
            Self::AesKeyWrap(OaepHash::Sha1) => "RSA_AES_KEY_WRAP_SHA_1",
            Self::AesKeyWrap(OaepHash::Sha256) => "RSA_AES_KEY_WRAP_SHA_256",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wrapping| wrapping.as_str() == name)
    }

    /// The number that stands for it in tokens.
    const fn code(self) -> u8 {
        match self {
            Self::Oaep(OaepHash::Sha1) => 1,
            Self::Oaep(OaepHash::Sha256) => 2,
            Self::AesKeyWrap(OaepHash::Sha1) => 3,
            Self::AesKeyWrap(OaepHash::Sha256) => 4,
        }
    }

    /// AWS: whether material of this spec can come so. RSA keys, and those of P-521 under the
    /// smallest wrapping key, are too long for RSA alone.
    pub const fn suits(self, size: RsaSize, spec: KeySpec) -> bool {
        match (self, spec) {
            (Self::Oaep(_), KeySpec::Pair(PairSpec::Rsa(_))) => false,
            (Self::Oaep(_), KeySpec::Pair(PairSpec::Ecc(Curve::P521))) => {
                !matches!(size, RsaSize::Bits2048)
            }
            (Self::Oaep(_) | Self::AesKeyWrap(_), _) => true,
        }
    }
}

/// What an import token says.
#[derive(Debug)]
pub struct ImportToken {
    pub wrapping: Wrapping,
    pub size: RsaSize,
    pub valid_to: Timestamp,
    /// The private half of the wrapping key.
    private: KeyBytes,
}

const SIZES: [RsaSize; 3] = [RsaSize::Bits2048, RsaSize::Bits3072, RsaSize::Bits4096];
/// Bytes of a token before the private key: algorithm, bytes of the modulus, end of validity.
const HEAD_LEN: usize = 1 + 2 + 8;

impl ImportToken {
    /// A new wrapping key, and the token that goes with it. Slow: see
    /// [`crate::ports::Pairs::generate_pair`].
    pub fn generate(
        cx: &Cx<'_>,
        key: &KeyArn,
        wrapping: Wrapping,
        size: RsaSize,
    ) -> (Box<[u8]>, Vec<u8>, Timestamp) {
        let pair = cx.crypto.pairs().generate_pair(PairSpec::Rsa(size));
        let valid_to = cx.now.plus_days(limits::IMPORT_TOKEN_DAYS);
        let private = pair.private.expose();
        let mut token = Vec::with_capacity(HEAD_LEN + private.len());
        token.push(wrapping.code());
        let modulus_len = u16::try_from(size.modulus_len()).unwrap_or_default();
        token.extend_from_slice(&modulus_len.to_be_bytes());
        token.extend_from_slice(&valid_to.millis().to_be_bytes());
        token.extend_from_slice(private);
        let sealed = cx.crypto.wrap(&token_aad(key), &KeyBytes::new(token), cx.entropy);
        (pair.public, sealed, valid_to)
    }

    /// Reads a token of this key's.
    pub fn open(cx: &Cx<'_>, key: &KeyArn, sealed: &[u8]) -> Result<Self, ImportProblem> {
        Self::read(cx, key, sealed).map_err(|Unopened| ImportProblem::TokenInvalid)
    }

    fn read(cx: &Cx<'_>, key: &KeyArn, sealed: &[u8]) -> Result<Self, Unopened> {
        let opened = cx.crypto.unwrap(&token_aad(key), sealed)?;
        let (head, private) = opened.expose().split_first_chunk::<HEAD_LEN>().ok_or(Unopened)?;
        let [code, high, low, valid_to @ ..] = *head;
        let modulus_len = usize::from(u16::from_be_bytes([high, low]));
        let wrapping = Wrapping::ALL.into_iter().find(|wrapping| wrapping.code() == code);
        let size = SIZES.into_iter().find(|size| size.modulus_len() == modulus_len);
        Ok(Self {
            wrapping: wrapping.ok_or(Unopened)?,
            size: size.ok_or(Unopened)?,
            valid_to: Timestamp::from_millis(i64::from_be_bytes(valid_to)),
            private: KeyBytes::new(private.to_vec()),
        })
    }

    /// The material that was wrapped for this token.
    pub fn unwrap(&self, cx: &Cx<'_>, wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        let pairs = cx.crypto.pairs();
        match self.wrapping {
            Wrapping::Oaep(hash) => {
                Ok(pairs.oaep_decrypt(&self.private, hash, wrapped)?.into_key())
            }
            Wrapping::AesKeyWrap(hash) => {
                let (key, material) =
                    wrapped.split_at_checked(self.size.modulus_len()).ok_or(Unopened)?;
                let key = pairs.oaep_decrypt(&self.private, hash, key)?;
                pairs.unwrap_padded(&key, material)
            }
        }
    }
}

/// What a token is bound to: the key in this Region.
fn token_aad(key: &KeyArn) -> Vec<u8> {
    let mut aad = b"regent/import-token/v1\0".to_vec();
    aad.extend_from_slice(key.scope.region.as_str().as_bytes());
    aad.push(0);
    aad.extend_from_slice(key.scope.account.as_str().as_bytes());
    aad.extend_from_slice(key.id.bytes());
    aad.push(u8::from(key.id.is_multi_region()));
    aad
}

/// Whether material can be imported into the key at all.
///
/// AWS: the origin is looked at before the state.
pub fn check_origin(found: &Found) -> Result<(), Error> {
    match found.key.origin {
        Origin::External => Ok(()),
        origin @ (Origin::AwsKms | Origin::ExternalKeyStore) => {
            Err(ImportProblem::Origin { key: found.arn(), origin }.into())
        }
    }
}

/// The same, and whether its state lets it be.
pub fn check(found: &Found) -> Result<(), Error> {
    check_origin(found)?;
    Rule::Change.check(found)
}

/// Material of a key's spec, in canonical encoding.
#[derive(Debug)]
pub struct Accepted {
    pub bytes: KeyBytes,
    /// The public half of a pair.
    pub public: Option<Box<[u8]>>,
}

/// Takes material, if it is of a key of this spec.
pub fn accept(cx: &Cx<'_>, spec: KeySpec, bytes: KeyBytes) -> Result<Accepted, NotAKey> {
    let len = bytes.expose().len();
    let fits = match spec {
        KeySpec::SymmetricDefault => len == SymmetricKey::LEN,
        KeySpec::Hmac(hash) => (hash.output_len()..=limits::IMPORTED_HMAC_LEN_MAX).contains(&len),
        KeySpec::Pair(pair) => {
            let pair = cx.crypto.pairs().read_pair(pair, &bytes)?;
            return Ok(Accepted { bytes: pair.private, public: Some(pair.public) });
        }
    };
    if fits { Ok(Accepted { bytes, public: None }) } else { Err(NotAKey) }
}

/// Sees to it that material goes when it expires, and not before.
pub fn schedule(tx: &mut Tx<'_>, scope: Scope, id: KeyId, before: &Material, now: &Material) {
    let at = |material: &Material| material.import.as_ref().and_then(|import| import.expires);
    if let Some(before) = at(before) {
        tx.remove(deadline(scope, id, now.id, before));
    }
    if let Some(expires) = at(now) {
        tx.put(deadline(scope, id, now.id, expires), Record::Index);
    }
}

fn deadline(scope: Scope, id: KeyId, material: MaterialId, at: Timestamp) -> Key {
    let due = Due::ExpireMaterial { id, material };
    Key::Deadline { region: scope.region, at, account: scope.account, due }
}

/// The time `at` has come at which material may expire.
pub fn come_due(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    material: MaterialId,
    at: Timestamp,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let due = key.materials.iter().chain(&key.pending).any(|held| {
        let expires = held.import.as_ref().and_then(|import| import.expires);
        held.id == material && expires == Some(at)
    });
    if due {
        let expired = key.spec.is_symmetric().then_some(material);
        event::announce(cx, tx, key.arn(scope), KeyHappening::MaterialExpired(expired));
        let key = without(cx, tx, scope, &key, material)?;
        tx.put(Key::KmsKey { scope, id }, Record::KmsKey(key.into()));
    }
    Ok(())
}

/// The key once the bytes of one of its materials are gone. What the material is called stays, so
/// that it can be imported again; material that was never used is forgotten.
///
/// AWS: a key that misses any material waits for it, unless it waits for its own end. What waits for
/// a rotation is forgotten by the primary, and by each replica with it; a replica that loses it alone
/// may be given it again.
pub fn without(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &KmsKey,
    material: MaterialId,
) -> Result<KmsKey, StoreFault> {
    let (before, mut key) = (key, key.clone());
    let replica = key.multi_region.is_some() && !key.is_multi_region_primary(scope.region);
    if let Some(pending) = key.pending.take_if(|pending| pending.id == material) {
        let gone = emptied(&pending);
        schedule(tx, scope, key.id, &pending, &gone);
        key.pending = replica.then_some(gone);
    }
    let id = key.id;
    if let Some(held) = key.materials.iter_mut().find(|held| held.id == material) {
        let gone = emptied(held);
        schedule(tx, scope, id, held, &gone);
        *held = gone;
        await_material(&mut key);
    }
    pending::changed(cx, tx, scope, before, &mut key)?;
    Ok(key)
}

/// The material without its bytes.
fn emptied(material: &Material) -> Material {
    let description = material.import.as_ref().and_then(|import| import.description.clone());
    let import = Some(Import { expires: None, description });
    Material { wrapped: None, import, ..material.clone() }
}

/// Lets a key that lacks material wait for it.
pub fn await_material(key: &mut KmsKey) {
    if key.lacks_material() && matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
        key.state = KeyState::PendingImport;
    }
}
