//! What a change set of AWS's kind IMPORT may say: resources that exist already, and no other change.

use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::{Template, schema};

use crate::ports::StoreFault;
use crate::stacks::change_set::{Action, Change};
use crate::stacks::error::{Error, ImportProblem};
use crate::stacks::ids::LogicalId;

/// A resource that exists, and what it is called in the template.
#[derive(Debug, Clone)]
pub struct ToImport {
    pub logical: LogicalId,
    pub type_name: Box<str>,
    /// Properties with their values, as given.
    pub identifier: Vec<(Box<str>, Box<str>)>,
}

/// Makes imports of the changes that add what is listed, or says why that cannot be.
pub(super) fn take(
    listed: &[ToImport],
    template: &Template,
    changes: &mut [Change],
) -> Result<(), Error> {
    let mut rest = by_name(listed)?;
    let (mut unlisted, mut changed, mut bare) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for change in changes {
        if change.action != Action::Add {
            changed.insert(change.logical.clone());
            continue;
        }
        let Some(given) = rest.remove(&change.logical) else {
            unlisted.insert(change.logical.clone());
            continue;
        };
        if given.type_name != change.type_name {
            let (logical, declared) = (given.logical.clone(), change.type_name.clone());
            return Err(ImportProblem::Type { logical, declared }.into());
        }
        let declared = template.resource(given.logical.as_str()).ok_or(StoreFault)?;
        if declared.deletion_policy.is_none() {
            bare.insert(given.logical.clone());
        }
        change.action = Action::Import;
        change.physical = Some(identifier(given)?);
    }
    if let Some(given) = rest.into_values().next() {
        let logical = given.logical.clone();
        let declared = template.resource(logical.as_str()).is_some();
        let problem = if declared {
            ImportProblem::Present { logical }
        } else {
            ImportProblem::NotDeclared { logical }
        };
        return Err(problem.into());
    }
    let problem = if !unlisted.is_empty() {
        ImportProblem::Unlisted { resources: unlisted }
    } else if !bare.is_empty() {
        ImportProblem::NoDeletionPolicy { resources: bare }
    } else if !changed.is_empty() {
        ImportProblem::Changed { resources: changed }
    } else {
        return Ok(());
    };
    Err(problem.into())
}

fn by_name(listed: &[ToImport]) -> Result<BTreeMap<LogicalId, &ToImport>, Error> {
    let mut all = BTreeMap::new();
    let mut things = BTreeSet::new();
    for given in listed {
        let thing = (&given.type_name, &given.identifier);
        if !things.insert(thing) || all.insert(given.logical.clone(), given).is_some() {
            return Err(ImportProblem::Twice { logical: given.logical.clone() }.into());
        }
    }
    Ok(all)
}

/// The physical id: the one property that identifies resources of the type.
fn identifier(given: &ToImport) -> Result<Box<str>, Error> {
    let known = schema::find(&given.type_name).ok_or(StoreFault)?;
    match given.identifier.as_slice() {
        [(name, value)] if **name == *known.identifier => Ok(value.clone()),
        _ => {
            let (logical, expected) = (given.logical.clone(), known.identifier);
            Err(ImportProblem::Identifier { logical, expected }.into())
        }
    }
}
