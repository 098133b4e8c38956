//! Finding files, and checking each: in parallel, in the order of their paths.
//!
//! `.gitignore` holds, hidden files are left out, and a file that was named is always looked at. A link
//! to a file is followed, and one to a folder is not, so that no loop is walked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use rayon::prelude::*;

use crate::config::Options;
use crate::finding::{Finding, Severity};
use crate::model::Unit;
use crate::read::cdk::{self, Home};
use crate::read::terraform_files::{self, Folder};
use crate::read::{self, Content, Context};
use crate::{rules, suppress};

/// LIMIT: bytes of a file that is looked at; a template has 1 MB at most, a plan more.
const FILE_LEN_MAX: u64 = 64 << 20;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// Files, by `regent check`.
    #[default]
    Files,
    /// Secrets of live accounts, by `regent audit`: a finding's path is an account and a Region.
    Secrets,
}

/// What a check found, and what it looked at.
#[derive(Debug, Default)]
pub struct Checked {
    pub subject: Subject,
    /// By path, place and rule.
    pub findings: Vec<Finding>,
    /// Files with secrets or keys in them; or secrets.
    pub files: usize,
    /// Files that were opened; or Regions.
    pub opened: usize,
    /// Findings that a baseline knows, and that are not among these.
    pub known: usize,
    /// What only a live account can make a finding of.
    pub quiet: Vec<Finding>,
}

/// A file to look at, or a folder of Terraform.
struct Candidate {
    path: String,
    named: bool,
    terraform: bool,
}

/// Checks files and folders.
pub fn check(paths: &[String], options: &Options) -> io::Result<Checked> {
    let mut candidates = Vec::new();
    let mut checked = Checked::default();
    for path in paths {
        collect(path, options, &mut candidates, &mut checked.findings)?;
    }
    candidates
        .sort_by(|a, b| (&a.path, a.terraform, b.named).cmp(&(&b.path, b.terraform, a.named)));
    candidates.dedup_by(|a, b| a.path == b.path && a.terraform == b.terraform);
    checked.opened = candidates.len();
    let homes = homes(&candidates);
    let each: Vec<(bool, Vec<Finding>)> =
        candidates.par_iter().map(|candidate| check_file(candidate, &homes, options)).collect();
    for (ours, findings) in each {
        checked.files += usize::from(ours);
        checked.findings.extend(findings);
    }
    leave_out(options, &mut checked.findings)?;
    checked.quiet = checked.findings.extract_if(.., |finding| finding.is_quiet()).collect();
    checked.sort();
    Ok(checked)
}

impl Subject {
    /// The command that looks at it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Files => "regent check",
            Self::Secrets => "regent audit",
        }
    }
}

impl Checked {
    /// The order of every report.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            (&a.path, a.at, &a.resource, a.rule.id, &a.message).cmp(&(
                &b.path,
                b.at,
                &b.resource,
                b.rule.id,
                &b.message,
            ))
        });
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity == severity).count()
    }

    /// Files, or Regions, that could not be read.
    pub fn unreadable(&self) -> usize {
        let unreadable = |finding: &&Finding| rules::UNREADABLE.contains(&finding.rule.id);
        self.findings.iter().filter(unreadable).count()
    }
}

fn collect(
    root: &str,
    options: &Options,
    candidates: &mut Vec<Candidate>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    // Also a pipe: a shell hands over what another program writes as one.
    if std::fs::metadata(root).is_ok_and(|found| !found.is_dir()) {
        candidates.push(candidate(Path::new(root), true));
        return Ok(());
    }
    let mut excluded = OverrideBuilder::new(root);
    for pattern in &options.exclude {
        excluded.add(&format!("!{pattern}")).map_err(io::Error::other)?;
    }
    let excluded = excluded.build().map_err(io::Error::other)?;
    // Files of a repository are left out as git leaves them out, also where there is no repository.
    for entry in WalkBuilder::new(root).require_git(false).overrides(excluded).build() {
        match entry {
            Ok(entry) if is_file(&entry) => {
                let ending = entry.path().extension().and_then(|ending| ending.to_str());
                let ending = ending.map(str::to_ascii_lowercase);
                let wanted = |ending: &str| {
                    read::ENDINGS.contains(&ending) || read::TERRAFORM.contains(&ending)
                };
                if ending.is_some_and(|ending| wanted(&ending)) {
                    candidates.push(candidate(entry.path(), false));
                }
            }
            Ok(_) => {}
            Err(error) => findings.extend(unreadable(root, None, error.to_string())),
        }
    }
    Ok(())
}

/// A file, or a link that leads to one or to nothing, which has to be told.
fn is_file(entry: &ignore::DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| {
        let leads_on = || std::fs::metadata(entry.path()).is_ok_and(|found| !found.is_file());
        kind.is_file() || (kind.is_symlink() && !leads_on())
    })
}

/// A file of Terraform stands for its folder, which is one configuration.
fn candidate(path: &Path, named: bool) -> Candidate {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    let terraform = name.is_some_and(|name| terraform_files::is_file(&name));
    let path = if terraform { path.parent().unwrap_or(Path::new("")) } else { path };
    Candidate { path: plain(path), named, terraform }
}

/// A path with `/` between its parts, and without `./` in front.
fn plain(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

fn unreadable(path: &str, at: Option<regent_cfn::Position>, message: String) -> Option<Finding> {
    let rule = rules::find("RG102")?;
    Some(Finding {
        rule,
        path: path.to_owned(),
        at,
        resource: None,
        message,
        snippet: None,
        question: None,
    })
}

/// Where templates are deployed, by their paths.
type Homes = BTreeMap<String, Home>;

/// What the manifests of CDK say, in the folders that files are in.
fn homes(candidates: &[Candidate]) -> Homes {
    let files = candidates.iter().filter(|candidate| !candidate.terraform);
    let folders: BTreeSet<&Path> =
        files.filter_map(|candidate| Path::new(&candidate.path).parent()).collect();
    let mut all = Homes::new();
    for folder in folders {
        let found = cdk::homes(folder).into_iter();
        all.extend(found.map(|(name, home)| (plain(&folder.join(name)), home)));
    }
    all
}

/// The options of a template whose home is known: a manifest says more than a flag.
fn there(home: &Home, options: &Options) -> Options {
    let mut there = options.clone();
    there.region = home.region.clone().or(there.region);
    there.account = home.account.clone().or(there.account);
    there
}

/// Whether the file has anything in it to look at, and what is found.
fn check_file(candidate: &Candidate, homes: &Homes, options: &Options) -> (bool, Vec<Finding>) {
    let path = candidate.path.as_str();
    if candidate.terraform {
        return check_folder(path, options);
    }
    let failed = |message: String| (true, unreadable(path, None, message).into_iter().collect());
    match bytes_of(path).map(String::from_utf8) {
        // UTF-16 of plain letters is UTF-8 too, with a zero byte before each.
        Ok(Ok(text)) if text.contains('\0') && read::is_suspect(text.as_bytes()) => {
            failed("it has zero bytes; it has to be UTF-8".to_owned())
        }
        Ok(Ok(text)) => match homes.get(path) {
            Some(home) => text_findings(path, &text, candidate.named, &there(home, options)),
            None => text_findings(path, &text, candidate.named, options),
        },
        Ok(Err(other)) if candidate.named || read::is_suspect(other.as_bytes()) => {
            failed("it is not UTF-8".to_owned())
        }
        Ok(Err(_)) => (false, Vec::new()),
        Err(error) => failed(error.to_string()),
    }
}

fn bytes_of(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A pipe does not say how much comes.
    File::open(path)?.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > FILE_LEN_MAX) {
        return Err(io::Error::other(format!("it has more than {FILE_LEN_MAX} bytes")));
    }
    Ok(bytes)
}

/// Checks one folder of Terraform's files.
fn check_folder(path: &str, options: &Options) -> (bool, Vec<Finding>) {
    let (mut files, mut assigned, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    let folder = if path.is_empty() { "." } else { path };
    let names = match std::fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect::<BTreeSet<_>>(),
        Err(error) => {
            return (true, unreadable(path, None, error.to_string()).into_iter().collect());
        }
    };
    for name in names {
        let text = name.to_string_lossy();
        let file = terraform_files::is_file(&text);
        if !file && !terraform_files::is_assigned(&text) {
            continue;
        }
        let found =
            bytes_of(&text).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
        match found {
            Ok(text) if file => files.push((plain(&name), text)),
            Ok(text) => assigned.push((plain(&name), text)),
            Err(error) => findings.extend(unreadable(&plain(&name), None, error.to_string())),
        }
    }
    let (ours, more) = terraform_findings(files, &assigned, options);
    let ours = ours || !findings.is_empty();
    findings.extend(more);
    (ours, findings)
}

/// Checks the files of one configuration of Terraform, given as paths and texts.
pub fn check_terraform(
    files: Vec<(String, String)>,
    assigned: &[(String, String)],
    options: &Options,
) -> (bool, Vec<Finding>) {
    told(terraform_findings(files, assigned, options))
}

/// Without what only a live account can make a finding of.
fn told((ours, mut findings): (bool, Vec<Finding>)) -> (bool, Vec<Finding>) {
    findings.retain(|finding| !finding.is_quiet());
    (ours, findings)
}

fn terraform_findings(
    files: Vec<(String, String)>,
    assigned: &[(String, String)],
    options: &Options,
) -> (bool, Vec<Finding>) {
    let folder = Folder::new(files);
    let (content, broken) = terraform_files::read(&folder, assigned, &context(options));
    let mut findings = Vec::new();
    let ours = if let Content::Unit(unit) = content {
        findings = judged(&unit, "", &folder.text);
        true
    } else {
        !broken.is_empty()
    };
    for finding in &mut findings {
        if let Some((path, at)) = finding.at.and_then(|at| folder.place(at)) {
            (finding.path, finding.at) = (path.to_owned(), Some(at));
        }
    }
    findings
        .extend(broken.into_iter().filter_map(|one| unreadable(&one.path, one.at, one.message)));
    (ours, findings)
}

fn context(options: &Options) -> Context<'_> {
    Context {
        region: options.region.as_deref(),
        account: options.account.as_deref(),
        parameters: &options.parameters,
    }
}

/// What is found and not suppressed, and what is wrong with suppressions.
fn judged(unit: &Unit, path: &str, text: &str) -> Vec<Finding> {
    let (mut left, faults) = suppress::apply(text, rules::judge(unit, path, text));
    let rule = rules::find("RG103");
    left.extend(faults.into_iter().filter_map(|fault| {
        let (rule, path, message) = (rule?, path.to_owned(), fault.message);
        let (at, resource) = (fault.at, fault.resource);
        Some(Finding { rule, path, at, resource, message, snippet: None, question: None })
    }));
    left
}

/// Checks one text; `named` if somebody asked for this file.
pub fn check_text(path: &str, text: &str, named: bool, options: &Options) -> (bool, Vec<Finding>) {
    told(text_findings(path, text, named, options))
}

fn text_findings(path: &str, text: &str, named: bool, options: &Options) -> (bool, Vec<Finding>) {
    match read::read(text, &context(options)) {
        Content::Nothing => (false, Vec::new()),
        Content::Other => {
            let message = "it is no template and no plan".to_owned();
            let found = named.then(|| unreadable(path, None, message)).flatten();
            (false, found.into_iter().collect())
        }
        Content::Unreadable(problem) => {
            let found = unreadable(path, problem.at, problem.problem.to_string());
            (true, found.into_iter().collect())
        }
        Content::Unit(unit) => (true, judged(&unit, path, text)),
    }
}

/// Takes out what the options leave out.
pub fn leave_out(options: &Options, findings: &mut Vec<Finding>) -> io::Result<()> {
    for ignore in &options.ignore {
        let mut paths = OverrideBuilder::new("");
        for pattern in &ignore.paths {
            paths.add(pattern).map_err(io::Error::other)?;
        }
        let paths = paths.build().map_err(io::Error::other)?;
        findings.retain(|finding| {
            let here = paths.is_empty() || paths.matched(&finding.path, false).is_whitelist();
            !(here && finding.rule.id.eq_ignore_ascii_case(&ignore.rule))
        });
    }
    Ok(())
}
