//! Whether a stack would take a template: all that can be found before anything is created.
//!
//! Structure first, where the first problem is the answer, as AWS gives it; then the properties of
//! every resource, all problems together. What is not known yet passes here and is checked again
//! when it is.

use std::collections::BTreeSet;

use crate::dynamic;
use crate::error::{Located, Problem, Result};
use crate::expr::{Expr, ExprKind, SubPiece};
use crate::graph::{Graph, Mention, mentions};
use crate::limits::DYNAMIC_REFERENCES_MAX;
use crate::resolve::{Block, Nothing, Outside, Resolution, Truth};
use crate::schema::{self, Misfit};
use crate::template::{LANGUAGE_EXTENSIONS, Output, Resource};

/// What happens to a resource that is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    Delete,
    Retain,
    /// Kept, but deleted when its creation is rolled back.
    RetainExceptOnCreate,
}

/// A resource whose properties do not fit its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfits {
    pub resource: String,
    pub misfits: Vec<Misfit>,
}

impl Misfits {
    /// As an event of the stack says it.
    pub fn problem(&self) -> Located {
        let messages = self.misfits.iter().map(ToString::to_string).collect();
        let problem = Problem::Properties { resource: self.resource.clone(), messages };
        Located { problem, at: self.misfits.first().map(|misfit| misfit.at) }
    }
}

impl<'t> Resolution<'t> {
    /// The structure: sections, types, references, cycles, conditions, outputs, rules. Gives the
    /// order of the resources.
    pub fn check(&self) -> Result<Graph<'t>> {
        self.check_sections()?;
        self.check_types()?;
        self.check_names()?;
        let graph = Graph::new(self)?;
        self.check_attributes()?;
        self.check_outputs()?;
        self.check_dynamic()?;
        self.check_rules()?;
        Ok(graph)
    }

    /// The properties of every resource against its type.
    pub fn check_properties(&self, outside: &dyn Outside) -> Result<Vec<Misfits>> {
        let mut found = Vec::new();
        for resource in self.existing() {
            let Some(declared) = schema::find(&resource.type_name) else { continue };
            let misfits = declared.misfits(&self.properties(resource, outside)?);
            if !misfits.is_empty() {
                found.push(Misfits { resource: resource.name.clone(), misfits });
            }
        }
        Ok(found)
    }

    /// The resources whose condition is not known to be false.
    pub fn existing(&self) -> impl Iterator<Item = &'t Resource> {
        self.template.resources.iter().filter(|resource| self.exists(resource) != Truth::No)
    }

    /// What becomes of a resource when it leaves the template or the stack is deleted.
    pub fn deletion_policy(&self, resource: &Resource) -> Result<Disposal> {
        self.disposal(resource, resource.deletion_policy.as_ref(), "DeletionPolicy")
    }

    /// What becomes of the old resource when it is replaced.
    pub fn update_replace_policy(&self, resource: &Resource) -> Result<Disposal> {
        let policy = resource.update_replace_policy.as_ref();
        match self.disposal(resource, policy, "UpdateReplacePolicy")? {
            Disposal::RetainExceptOnCreate => {
                let attribute = "UpdateReplacePolicy";
                let resource = resource.name.clone();
                Err(Problem::ResourceAttribute { resource, attribute }.anywhere())
            }
            other => Ok(other),
        }
    }

    fn disposal(
        &self,
        resource: &Resource,
        policy: Option<&Expr>,
        attribute: &'static str,
    ) -> Result<Disposal> {
        let Some(expr) = policy else { return Ok(Disposal::Delete) };
        let word = self.whole(expr, Block::Conditions, &Nothing)?.scalar();
        // None of the types can be snapshotted.
        match word.as_ref().map(crate::value::Text::expose) {
            Some("Delete") => Ok(Disposal::Delete),
            Some("Retain") => Ok(Disposal::Retain),
            Some("RetainExceptOnCreate") => Ok(Disposal::RetainExceptOnCreate),
            _ => {
                let resource = resource.name.clone();
                Err(Problem::ResourceAttribute { resource, attribute }.at(expr.at))
            }
        }
    }

    fn check_sections(&self) -> Result<()> {
        let template = self.template;
        if let Some(at) = template.alias {
            return Err(Problem::Alias.at(at));
        }
        if !template.unknown_sections.is_empty() {
            let names = template.unknown_sections.clone();
            return Err(Problem::UnknownSections { names }.anywhere());
        }
        let foreign = template.transforms.iter().find(|(name, _)| name != LANGUAGE_EXTENSIONS);
        match foreign {
            Some((name, at)) => Err(Problem::UnknownTransform { name: name.clone() }.at(*at)),
            None => Ok(()),
        }
    }

    fn check_types(&self) -> Result<()> {
        let unknown: Vec<&Resource> =
            self.existing().filter(|x| schema::find(&x.type_name).is_none()).collect();
        if let Some(first) = unknown.first() {
            let types: BTreeSet<String> = unknown.iter().map(|x| x.type_name.clone()).collect();
            let types = types.into_iter().collect();
            return Err(Problem::UnknownTypes { types }.at(first.type_at));
        }
        for resource in self.existing() {
            // Both wait for signals or move instances, which none of the types has.
            for (attribute, given) in [
                ("CreationPolicy", &resource.creation_policy),
                ("UpdatePolicy", &resource.update_policy),
            ] {
                if let Some(expr) = given {
                    let resource = resource.name.clone();
                    return Err(Problem::ResourceAttribute { resource, attribute }.at(expr.at));
                }
            }
            self.deletion_policy(resource)?;
            self.update_replace_policy(resource)?;
        }
        Ok(())
    }

    /// Every name that a resource uses is one of something.
    fn check_names(&self) -> Result<()> {
        let mut unresolved = BTreeSet::new();
        let mut first = None;
        for resource in &self.template.resources {
            if let Some(name) = &resource.condition {
                self.check_condition(name, Block::Resources, resource.at)?;
            }
        }
        for resource in self.existing() {
            for name in &resource.depends_on {
                if !self.is_resource(name) {
                    first.get_or_insert(resource.at);
                    unresolved.insert(name.clone());
                }
            }
            self.check_expr(&resource.properties, Block::Resources)?;
            mentions(self, &resource.properties, &mut |expr, mention| {
                if let Some(name) = self.unresolved(&mention) {
                    first.get_or_insert(expr.at);
                    unresolved.insert(name.to_owned());
                }
            });
        }
        if unresolved.is_empty() {
            return Ok(());
        }
        let names = unresolved.into_iter().collect();
        let problem = Problem::Unresolved { names, block: Block::Resources.name() };
        Err(Located { problem, at: first })
    }

    fn check_condition(&self, name: &str, block: Block, at: crate::Position) -> Result<()> {
        if self.condition(name).is_some() {
            return Ok(());
        }
        let (name, block) = (name.to_owned(), block.name());
        Err(Problem::UnresolvedCondition { name, block }.at(at))
    }

    /// Functions that cannot run here, conditions that are not there, attributes of nothing.
    fn check_expr(&self, expr: &Expr, block: Block) -> Result<()> {
        let mut found = None;
        expr.walk(&mut |inner| {
            let problem = match &inner.kind {
                ExprKind::Foreign { name, known: true } => {
                    Problem::UnknownTransform { name: name.clone() }
                }
                ExprKind::Foreign { name, known: false } => {
                    Problem::UnknownFunction { name: name.clone() }
                }
                ExprKind::If { condition, .. } if self.condition(condition).is_none() => {
                    Problem::UnresolvedIf { name: condition.clone() }
                }
                ExprKind::Condition(name) if self.condition(name).is_none() => {
                    Problem::UnresolvedCondition { name: name.clone(), block: block.name() }
                }
                ExprKind::GetAtt { resource, .. } if self.template.resource(resource).is_none() => {
                    Problem::GetAttUndefined { name: resource.clone() }
                }
                _ => return,
            };
            found.get_or_insert(problem.at(inner.at));
        });
        found.map_or(Ok(()), Err)
    }

    fn is_resource(&self, name: &str) -> bool {
        let found = self.template.resource(name);
        found.is_some_and(|resource| self.exists(resource) != Truth::No)
    }

    /// The name of a mention that is of nothing.
    fn unresolved<'e>(&self, mention: &Mention<'e>) -> Option<&'e str> {
        match mention {
            Mention::Reference(name) => {
                let known = self.template.parameter(name).is_some()
                    || PSEUDO.contains(name)
                    || self.is_resource(name);
                (!known).then_some(name)
            }
            Mention::Attribute { resource, .. } => {
                (!self.is_resource(resource)).then_some(resource)
            }
        }
    }

    /// Every attribute that is asked for is one of its type.
    fn check_attributes(&self) -> Result<()> {
        for resource in self.existing() {
            if let Some(problem) = self.wrong_attribute(&resource.properties, None) {
                return Err(problem);
            }
        }
        Ok(())
    }

    fn wrong_attribute(&self, expr: &Expr, output: Option<&Output>) -> Option<Located> {
        let mut found = None;
        mentions(self, expr, &mut |inner, mention| {
            let Mention::Attribute { resource, attribute: Some(attribute), .. } = mention else {
                return;
            };
            let declared =
                self.template.resource(resource).and_then(|x| schema::find(&x.type_name));
            let Some(declared) = declared else { return };
            if declared.attributes.contains(&attribute) {
                return;
            }
            let (attribute, type_name) = (attribute.to_owned(), declared.name.to_owned());
            let problem = match output {
                Some(output) => {
                    let output = output.name.clone();
                    Problem::UnknownOutputAttribute { output, attribute, type_name }
                }
                None => Problem::UnknownAttribute { attribute, type_name },
            };
            found.get_or_insert(problem.at(inner.at));
        });
        found
    }

    fn check_outputs(&self) -> Result<()> {
        let mut exports = BTreeSet::new();
        for output in &self.template.outputs {
            if let Some(name) = &output.condition {
                self.check_condition(name, Block::Outputs, output.at)?;
                if self.condition(name) == Some(&Truth::No) {
                    continue;
                }
            }
            self.check_expr(&output.value, Block::Outputs)?;
            let mut unresolved = None;
            mentions(self, &output.value, &mut |expr, mention| {
                if let Some(name) = self.unresolved(&mention) {
                    unresolved.get_or_insert((name.to_owned(), expr.at));
                }
            });
            if let Some((name, at)) = unresolved {
                let block = Block::Outputs.name();
                return Err(Problem::Unresolved { names: vec![name], block }.at(at));
            }
            if let Some(problem) = self.wrong_attribute(&output.value, Some(output)) {
                return Err(problem);
            }
            if let Some(export) = &output.export {
                self.check_export(output, export, &mut exports)?;
            }
        }
        Ok(())
    }

    fn check_export(
        &self,
        output: &Output,
        export: &Expr,
        exports: &mut BTreeSet<String>,
    ) -> Result<()> {
        let name = || output.name.clone();
        let mut depends = false;
        mentions(self, export, &mut |_, mention| {
            depends |= match mention {
                Mention::Reference(name) => self.template.resource(name).is_some(),
                Mention::Attribute { .. } => true,
            };
        });
        export.walk(&mut |inner| {
            let outside = matches!(inner.kind, ExprKind::ImportValue(_) | ExprKind::GetAzs(_));
            depends |= outside;
        });
        if depends {
            return Err(Problem::ExportDepends { name: name() }.at(export.at));
        }
        let value = self.whole(export, Block::Outputs, &Nothing)?;
        if value.as_unknown().is_some() {
            return Ok(());
        }
        let text = value.scalar().filter(|text| !text.expose().is_empty());
        let text = text.ok_or_else(|| Problem::OutputMalformed { name: name() }.at(export.at))?;
        if exports.insert(text.expose().to_owned()) {
            return Ok(());
        }
        Err(Problem::OutputMalformed { name: name() }.at(export.at))
    }

    /// Every dynamic reference is well formed, and there are not too many. One that a function
    /// puts together is counted here and read once it is whole.
    fn check_dynamic(&self) -> Result<()> {
        let mut count = 0;
        for resource in self.existing() {
            let mut wrong = None;
            resource.properties.walk(&mut |inner| match &inner.kind {
                ExprKind::Text(text) if dynamic::is_dynamic(text) => {
                    count += dynamic::count(text);
                    if let Err(problem) = dynamic::pieces(text) {
                        wrong.get_or_insert(problem.at(inner.at));
                    }
                }
                ExprKind::Sub { pieces, .. } => {
                    for piece in pieces {
                        if let SubPiece::Literal(text) = piece {
                            count += dynamic::count(text);
                        }
                    }
                }
                _ => {}
            });
            if let Some(problem) = wrong {
                return Err(problem);
            }
        }
        if count > DYNAMIC_REFERENCES_MAX {
            return Err(Problem::TooManyDynamic { limit: DYNAMIC_REFERENCES_MAX }.anywhere());
        }
        Ok(())
    }

    /// Every assertion of a rule that applies holds. One that cannot be decided is refused, so that
    /// none is passed over.
    fn check_rules(&self) -> Result<()> {
        for rule in &self.template.rules {
            let applies = match &rule.condition {
                Some(condition) => self.truth(condition, Block::Rules)?,
                None => Truth::Yes,
            };
            if applies == Truth::No {
                continue;
            }
            for (assertion, description) in &rule.assertions {
                if self.truth(assertion, Block::Rules)? != Truth::Yes {
                    let description = description.clone().unwrap_or_else(|| rule.name.clone());
                    let rule = rule.name.clone();
                    return Err(Problem::Assertion { rule, description }.at(assertion.at));
                }
            }
        }
        Ok(())
    }
}

/// The pseudo parameters.
const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];
