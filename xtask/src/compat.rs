//! The compatibility table: what of AWS is there, what is not, and where behaviour differs.
//!
//! Made from the operations table, the names of all of AWS's operations, and the deviations listed
//! here. A deviation of an operation that is not built, or twice the same, is stale and fails.

mod deviations;
mod inferred;
pub mod known;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use regent_wire::operations;
use regent_wire::service::{Protocol, Service};

use crate::run::{Result, root};
use deviations::{DEVIATIONS, Deviation, EVERYWHERE};
use inferred::{INFERRED, Inferred};
use known::SERVICES;

const FILE: &str = "docs/compatibility.md";

pub fn run(check: bool) -> Result<()> {
    let stale = stale();
    if !stale.is_empty() {
        return Err(format!("stale entries in xtask/src/compat:\n  {}", stale.join("\n  ")));
    }
    let page = page();
    let path = root().join(FILE);
    if check {
        let found = fs::read_to_string(&path).unwrap_or_default();
        return if found == page {
            println!("xtask: {FILE} is up to date");
            Ok(())
        } else {
            Err(format!("{FILE} is not what would be written; run `cargo xtask compat`"))
        };
    }
    fs::write(&path, page).map_err(|cause| format!("{FILE}: {cause}"))?;
    println!("xtask: wrote {FILE}");
    Ok(())
}

/// Entries that no longer say anything true.
fn stale() -> Vec<String> {
    let mut stale = Vec::new();
    for (service, names) in SERVICES {
        if !names.is_sorted_by(|a, b| a < b) {
            stale.push(format!("the operations of {} are not sorted", service.signing_name()));
        }
    }
    for row in operations::OPERATIONS {
        let of = |(service, names): &(Service, &[&str])| {
            *service == row.service && names.contains(&row.name)
        };
        if !SERVICES.iter().any(of) {
            stale.push(format!("{} is in the operations table and not in known.rs", row.name));
        }
    }
    let mut seen = BTreeSet::new();
    for Deviation { service, operation, what, .. } in DEVIATIONS {
        if operations::find(*service, operation).is_none() {
            stale.push(format!("a deviation of {operation}, which is not built"));
        }
        if !seen.insert((service, operation, what)) {
            stale.push(format!("a deviation of {operation}, listed twice"));
        }
    }
    for Inferred { service, operation, what, .. } in INFERRED {
        if operations::find(*service, operation).is_none() {
            stale.push(format!("something inferred of {operation}, which is not built"));
        }
        if !seen.insert((service, operation, what)) {
            stale.push(format!("something of {operation}, listed twice"));
        }
    }
    stale
}

fn page() -> String {
    let mut page = String::from(
        "# Compatibility\n\n\
         Made by `cargo xtask compat` from the operations table; do not edit. A difference from AWS \
         that is not listed here is a bug. What is marked as inferred is what AWS's model and \
         documentation imply where no recording of the service is known.\n\n",
    );
    summary(&mut page);
    page.push_str("\n## Everywhere\n\n| difference | reason |\n|---|---|\n");
    for (what, reason) in EVERYWHERE {
        line(&mut page, format_args!("| {what} | {reason} |\n"));
    }
    for (service, names) in SERVICES {
        line(&mut page, format_args!("\n## {}\n\n{}\n\n", title(service), unknown(service)));
        page.push_str(
            "| operation | state | differences, with reasons | inferred, with its ground |\n\
             |---|---|---|---|\n",
        );
        for name in names {
            row(&mut page, service, name);
        }
    }
    page
}

fn summary(page: &mut String) {
    page.push_str("| service | built | of |\n|---|---|---|\n");
    for (service, names) in SERVICES {
        let built = names.iter().filter(|name| operations::find(service, name).is_some()).count();
        line(page, format_args!("| {} | {built} | {} |\n", title(service), names.len()));
    }
}

fn row(page: &mut String, service: Service, name: &str) {
    if operations::find(service, name).is_none() {
        line(page, format_args!("| {name} | absent | | |\n"));
        return;
    }
    let of = |entry: &&Deviation| entry.service == service && entry.operation == name;
    let differences: Vec<_> = DEVIATIONS
        .iter()
        .filter(of)
        .map(|Deviation { what, reason, .. }| format!("{what} ({reason})"))
        .collect();
    let of = |entry: &&Inferred| entry.service == service && entry.operation == name;
    let inferred: Vec<_> = INFERRED
        .iter()
        .filter(of)
        .map(|Inferred { what, ground, .. }| format!("{what} ({ground})"))
        .collect();
    let (differences, inferred) = (differences.join("<br>"), inferred.join("<br>"));
    line(page, format_args!("| {name} | built | {differences} | {inferred} |\n"));
}

/// What a client sees of an operation that is absent.
const fn unknown(service: Service) -> &'static str {
    match service.protocol() {
        Protocol::Json => {
            "An absent operation answers `UnknownOperationException`, as AWS answers an unknown one."
        }
        Protocol::Query => {
            "An absent operation answers `InvalidAction`, as AWS answers an unknown one."
        }
    }
}

const fn title(service: Service) -> &'static str {
    match service {
        Service::SecretsManager => "Secrets Manager",
        Service::Kms => "KMS",
        Service::Sts => "STS",
        Service::CloudFormation => "CloudFormation",
        Service::Iam => "IAM",
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = page.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stale_and_every_built_operation_has_its_row() {
        assert!(stale().is_empty(), "{:?}", stale());
        let page = page();
        for row in operations::OPERATIONS {
            assert!(page.contains(&format!("\n| {} | built | ", row.name)), "{}", row.name);
        }
    }
}
