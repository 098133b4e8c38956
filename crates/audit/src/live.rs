//! `regent check --live`: keys that files name for replicas, looked up in their Regions.
//!
//! What a file cannot show is a finding of its own (RG101), with the question that it leaves. Each is
//! asked of KMS through read-only calls: a key that is well takes the finding away, another one puts
//! what is wrong in its place, and what could not be asked stays, with the reason.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use regent_guard::{Finding, Question, rules};

use crate::account::Account;
use crate::client::{Client, Refusal};
use crate::keys::{Fault, Key, Metadata};
use crate::observe::own_key;

/// LIMIT: keys that are asked for at once.
const CONCURRENCY: usize = 16;

/// Answers the questions that a check left; `dry_run` asks KMS besides whether the caller may
/// encrypt with the key. `progress` is called after each.
pub async fn answer(
    account: &Account,
    findings: Vec<Finding>,
    dry_run: bool,
    progress: &(dyn Fn() + Sync),
) -> Vec<Finding> {
    let answered = stream::iter(findings).map(async |finding: Finding| {
        let Some(question) = finding.question.clone() else { return Some(finding) };
        let judged = judged(account, finding, &question, dry_run).await;
        progress();
        judged
    });
    answered.buffered(CONCURRENCY).filter_map(async |one| one).collect().await
}

async fn judged(
    account: &Account,
    finding: Finding,
    question: &Question,
    dry_run: bool,
) -> Option<Finding> {
    let Question { region, key: name, .. } = question;
    let there = |message: String| format!("in {region}: {message}");
    let name = own_key(Some(name))?;
    let client: Arc<Client> = account.client(region).await;
    let key = account.keys.look_listed(&client, name).await;
    let (rule, message) = match (&*key, key.fault(), key.unknown()) {
        (_, Some(Fault::Absent(said)), _) => ("RG219", said),
        (_, Some(Fault::Unusable(said)), _) => ("RG210", said),
        (_, Some(Fault::PendingDeletion(said)), _) => ("RG211", said),
        (_, Some(Fault::ShutsOut(said)), _) => ("RG212", said),
        (_, None, Some(why)) => ("RG101", format!("{}; {why}", finding.message)),
        (Key::There(Metadata { arn, .. }), None, None) if dry_run => {
            match client.may_encrypt(arn).await {
                Ok(()) => return None,
                Err(Refusal::Denied(said)) => ("RG220", said),
                Err(why) => ("RG101", format!("{}; {why}", finding.message)),
            }
        }
        (_, None, None) => return None,
    };
    let message = if rule == "RG101" { message } else { there(message) };
    let rule = rules::find(rule)?;
    Some(Finding { rule, message, question: None, ..finding })
}
