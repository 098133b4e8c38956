//! What a Region answers when a stack in another Region wants a replica of a key, or no more.
//!
//! ReplicateKey runs here as the principal of the stack's operation, with this Region's policies and
//! texts (promise R6). Its verdict is kept with the key: see `regent_core::keys::requests`.

use regent_core::cx::Cx;
use regent_core::ids::{KeyArn, Region};
use regent_core::keys::model::Install;
use regent_core::keys::requests;
use regent_core::ports::{Read, StoreFault};
use regent_core::replication::change::{Answer, Question};
use regent_core::tx::{Batch, Tx};

use super::handlers::{Called, OF_KEYS, Services, Unanswered};
use crate::service::{Protocol, Service};

/// A verdict: to be given once the batch is committed.
#[derive(Debug)]
pub struct Considered {
    pub answer: Answer,
    pub batch: Batch,
    /// For the audit log.
    pub calls: Vec<Called>,
}

/// Answers `from`. `cx.caller` is the principal for whom it is asked.
pub fn answer(
    cx: &Cx<'_>,
    read: &dyn Read,
    from: Region,
    question: &Question,
) -> Result<Considered, StoreFault> {
    let services = Services::default();
    let mut tx = Tx::new(read);
    let answer = match question {
        Question::Replicate { key, token, install, .. } => {
            replicate(cx, &mut tx, &services, (from, key, token), install)?
        }
        Question::Withdraw { key, token, .. } => withdraw(&mut tx, from, key, token)?,
        // Answered by what it is about, without a write.
        Question::CanHold { .. } | Question::CanBePrimary { .. } => Answer::Unreachable,
    };
    Ok(Considered { answer, batch: tx.into_batch(), calls: services.take() })
}

fn replicate(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    services: &Services,
    (from, key, token): (Region, &KeyArn, &str),
    install: &Install,
) -> Result<Answer, StoreFault> {
    let verdict = requests::verdict(tx, key.scope, key.id, from, token)?;
    if verdict == Some(true) {
        return Ok(Answer::Yes);
    }
    let mut inner = Tx::new(&*tx);
    let called = services.calls(cx).call(&mut inner, Service::Kms, "ReplicateKey", 4096, |body| {
        body.string("KeyId", key.to_string().as_str());
        body.string("ReplicaRegion", from.as_str());
        body.string("Policy", &*install.policy);
        body.string("Description", &*install.description);
        OF_KEYS.write(body, &install.tags);
    });
    let batch = inner.into_batch();
    let answer = match called {
        // What was refused or withdrawn once stays so.
        Ok(_) if verdict == Some(false) => withdrawn(),
        Ok(_) => {
            tx.take_over(batch);
            Answer::Yes
        }
        Err(Unanswered::Fault(fault)) if fault.status() < 500 => {
            let code = fault.code(Protocol::Json);
            Answer::Refused { code: code.into(), text: fault.message().unwrap_or(code).into() }
        }
        Err(_) => return Err(StoreFault),
    };
    requests::note(tx, key.scope, key.id, from, (token, answer == Answer::Yes))?;
    Ok(answer)
}

fn withdraw(
    tx: &mut Tx<'_>,
    from: Region,
    key: &KeyArn,
    token: &str,
) -> Result<Answer, StoreFault> {
    if requests::verdict(tx, key.scope, key.id, from, token)? == Some(true) {
        return Ok(Answer::Yes);
    }
    requests::note(tx, key.scope, key.id, from, (token, false))?;
    Ok(withdrawn())
}

fn withdrawn() -> Answer {
    let text = "The request for this replica was given up.";
    Answer::Refused { code: "ConflictException".into(), text: text.into() }
}
