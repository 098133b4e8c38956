//! Judging what becomes of keys: one primary per epoch, no state twice, no material lost.
//!
//! PROMISE R5, R9 and R2, at every commit that writes a key.

use regent_core::ids::KeyId;
use regent_core::keys::envelope::BlobHeader;
use regent_core::records::{Due, Key, Record};
use regent_core::tx::Records;

use crate::check::{Checker, Verdict, hold, peek};
use crate::disk::Change;
use crate::job::{Job, short};
use crate::node::Node;
use crate::perform::Kept;

impl Checker {
    pub(super) fn key(&mut self, node: &Node, job: &Job, id: KeyId, change: &Change) -> Verdict {
        let region = node.region;
        let before = match &change.before {
            Some(Record::KmsKey(key)) => Some(key),
            _ => None,
        };
        let Some(Record::KmsKey(after)) = &change.after else {
            let due = matches!(
                job,
                Job::Deadline(Key::Deadline { due: Due::DeleteKey { id: of }, .. }) if *of == id
            );
            hold!("R1", due, "{region} lost key {id} to {job:?}");
            return Ok(());
        };
        hold!("R5", peek::materials_open(node, after), "{region} cannot open key {id}");
        if let Some(before) = before {
            let kept = before.materials.iter().all(|old| after.materials.iter().any(|new| new.id == old.id));
            hold!("R5", kept, "{region} lost material of key {id}");
        }
        let Some(multi) = &after.multi_region else { return Ok(()) };
        let newest = self.key_states.entry((region, id)).or_default();
        let rises = if before.is_some() { multi.at >= *newest } else { multi.at > *newest };
        let (at, was) = (short(multi.at), short(*newest));
        hold!("R2", rises, "{region} took key {id} from {was} to {at}");
        *newest = multi.at;
        if multi.primary == region {
            let primary = *self.primaries.entry((id, multi.at.epoch)).or_insert(region);
            let epoch = multi.at.epoch;
            hold!("R9", primary == region, "{primary} and {region} are primaries of key {id} at epoch {epoch}");
        }
        Ok(())
    }
}

/// PROMISE R5: a ciphertext is refused only where its key cannot be used or has not arrived.
pub fn refusal(node: &Node, kept: &Kept, why: &str) -> Verdict {
    let region = node.region;
    let Ok((header, _, _)) = BlobHeader::parse(&kept.blob) else { return Ok(()) };
    if header.region.is_some_and(|of| of != region) {
        return Ok(());
    }
    let Some(key) = node.disk.store.kms_key(node.scope(), header.key).unwrap() else {
        return Ok(());
    };
    let arrived = key.materials.iter().any(|material| material.id == header.material);
    let id = header.key;
    hold!("R5", !(key.is_enabled() && arrived), "{region} holds key {id} and refuses: {why}");
    Ok(())
}
