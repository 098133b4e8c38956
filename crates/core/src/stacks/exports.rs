//! Exports: outputs of one stack that others of its account and Region import by name.
//!
//! A record for each export says whose it is; one for each import, written in the transaction that
//! begins the importer's operation, keeps it. So an export that is in use is neither changed nor
//! removed, and what an operation imports stays what it was while the operation runs.

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::Text;
use regent_cfn::resolve::{Import, Outside};

use crate::cx::Cx;
use crate::ids::Scope;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::ids::{ExportName, StackId, StackName};
use crate::stacks::model::{Output, Reason, Side, Stack, Status};
use crate::stacks::ready::{Unmade, zones};
use crate::tx::{Records, Tx, collect};

/// What the stacks of one account export, to be looked up.
pub struct Exports<'a> {
    cx: &'a Cx<'a>,
    read: &'a dyn Read,
    /// Whether what nobody exports is taken for not known yet.
    is_lenient: bool,
    failed: Cell<bool>,
}

impl core::fmt::Debug for Exports<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Exports").finish_non_exhaustive()
    }
}

impl<'a> Exports<'a> {
    pub const fn new(cx: &'a Cx<'a>, read: &'a dyn Read) -> Self {
        Self { cx, read, is_lenient: false, failed: Cell::new(false) }
    }

    /// To compare templates: what is missing is said by the operation itself.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.is_lenient = true;
        self
    }

    pub fn find(&self, name: &str) -> Import {
        match self.value(name) {
            Ok(Some(value)) => Import::Known(value.expose().to_owned()),
            Ok(None) if self.is_lenient => Import::Unknown,
            Ok(None) => Import::Missing,
            Err(StoreFault) => {
                self.failed.set(true);
                Import::Unknown
            }
        }
    }

    /// Whether everything that was looked for could be read.
    pub fn check(&self) -> Result<(), StoreFault> {
        if self.failed.get() { Err(StoreFault) } else { Ok(()) }
    }

    fn value(&self, name: &str) -> Result<Option<Text>, StoreFault> {
        let Ok(name) = name.parse::<ExportName>() else { return Ok(None) };
        let scope = self.cx.scope();
        let Some(id) = self.read.stack_export(scope, &name)? else { return Ok(None) };
        let stack = self.read.stack(scope, id)?.ok_or(StoreFault)?;
        let output = stack.outputs.iter().find(|output| output.export.as_ref() == Some(&name));
        value(self.cx, &stack, output.ok_or(StoreFault)?).map(Some)
    }
}

/// What an output says.
pub(super) fn value(cx: &Cx<'_>, stack: &Stack, output: &Output) -> Result<Text, StoreFault> {
    let documents = Documents::open(cx, cx.scope().account, stack)?;
    let opened = documents.unseal(cx, Document::Output(&output.key), &output.value)?;
    Ok(Text::sensitive(documents::text(&opened)?))
}

/// Notes which exports a template asks for, and knows nothing of the world.
#[derive(Debug, Default)]
pub(super) struct Asked(RefCell<BTreeSet<String>>);

impl Asked {
    pub(super) fn into_names(self) -> BTreeSet<String> {
        self.0.into_inner()
    }
}

impl Outside for Asked {
    fn reference(&self, resource: &str) -> Option<String> {
        Unmade.reference(resource)
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<String> {
        Unmade.attribute(resource, attribute)
    }

    fn import(&self, name: &str) -> Import {
        self.0.borrow_mut().insert(name.to_owned());
        Import::Unknown
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        Some(zones(region))
    }
}

/// Something that a side imports and nobody exports.
pub(super) fn missing(
    read: &dyn Read,
    scope: Scope,
    side: &Side,
) -> Result<Option<Reason>, StoreFault> {
    for name in &side.imports {
        if read.stack_export(scope, name)?.is_none() {
            return Ok(Some(Reason::NoExport { name: name.clone() }));
        }
    }
    Ok(None)
}

/// Keeps what the stack's sides import, and lets go of what none imports any more.
pub(super) fn keep_imports(tx: &mut Tx<'_>, scope: Scope, stack: &mut Stack) {
    if stack.status == Status::DeleteInProgress {
        return;
    }
    let over = matches!(stack.status, Status::DeleteComplete | Status::RollbackComplete);
    let living = stack.sides().filter(|_| !over);
    let wanted: BTreeSet<ExportName> =
        living.flat_map(|side| side.imports.iter().cloned()).collect();
    let key = |name: &ExportName| Key::StackImport { scope, name: name.clone(), stack: stack.id };
    for name in stack.imports.difference(&wanted) {
        tx.remove(key(name));
    }
    for name in wanted.difference(&stack.imports) {
        tx.put(key(name), Record::Index);
    }
    stack.imports = wanted;
}

/// Puts a stack's exports in the place of those it has. The reason if that cannot be.
pub(super) fn replace(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    stack: &Stack,
    wanted: &BTreeMap<ExportName, Text>,
) -> Result<Option<Reason>, StoreFault> {
    let scope = cx.scope();
    for name in wanted.keys() {
        if let Some(owner) = tx.stack_export(scope, name)?.filter(|owner| *owner != stack.id) {
            let by = tx.stack(scope, owner)?.ok_or(StoreFault)?.name.clone();
            return Ok(Some(Reason::ExportTaken { name: name.clone(), by }));
        }
    }
    let exported = exported(tx, scope, stack)?;
    for (name, output) in &exported {
        let stays = wanted.get(name);
        let changed = match stays {
            Some(wanted) => value(cx, stack, output)?.expose() != wanted.expose(),
            None => true,
        };
        if changed && let Some(reason) = refusal(tx, scope, stack, name, stays.is_some())? {
            return Ok(Some(reason));
        }
    }
    for (name, _) in exported {
        tx.remove(Key::StackExport { scope, name });
    }
    for name in wanted.keys() {
        tx.put(Key::StackExport { scope, name: name.clone() }, Record::StackRef(stack.id));
    }
    Ok(None)
}

/// Ends a stack's exports, unless one is in use.
pub(super) fn end(
    tx: &mut Tx<'_>,
    scope: Scope,
    stack: &Stack,
) -> Result<Option<Reason>, StoreFault> {
    let exported = exported(tx, scope, stack)?;
    for (name, _) in &exported {
        let refused = refusal(tx, scope, stack, name, false)?;
        if refused.is_some() {
            return Ok(refused);
        }
    }
    for (name, _) in exported {
        tx.remove(Key::StackExport { scope, name });
    }
    Ok(None)
}

/// What a stack exports. A deletion that failed has ended it, and others may have taken the name.
fn exported<'s>(
    read: &dyn Read,
    scope: Scope,
    stack: &'s Stack,
) -> Result<Vec<(ExportName, &'s Output)>, StoreFault> {
    let mut own = Vec::new();
    for output in &stack.outputs {
        if let Some(name) = &output.export
            && read.stack_export(scope, name)? == Some(stack.id)
        {
            own.push((name.clone(), output));
        }
    }
    Ok(own)
}

fn refusal(
    read: &dyn Read,
    scope: Scope,
    stack: &Stack,
    name: &ExportName,
    stays: bool,
) -> Result<Option<Reason>, StoreFault> {
    let mut by = BTreeSet::new();
    for id in importers(read, scope, name)?.into_iter().filter(|id| *id != stack.id) {
        by.insert(name_of(read, scope, id)?);
    }
    let name = name.clone();
    Ok((!by.is_empty()).then_some(if stays {
        Reason::ExportChanged { name, by }
    } else {
        Reason::ExportGone { name, by }
    }))
}

pub(super) fn name_of(read: &dyn Read, scope: Scope, id: StackId) -> Result<StackName, StoreFault> {
    Ok(read.stack(scope, id)?.ok_or(StoreFault)?.name.clone())
}

pub(super) fn importers(
    read: &dyn Read,
    scope: Scope,
    name: &ExportName,
) -> Result<Vec<StackId>, StoreFault> {
    let prefix = Prefix::StackImports { scope, name: name.clone() };
    collect(read, prefix, |key, _| match key {
        Key::StackImport { stack, .. } => Some(stack),
        _ => None,
    })
}
