//! Lists, filters and batches, in an account of few secrets and in one of many: what a request costs
//! should follow from what it returns, not from what the account holds.
//!
//! Secrets come in groups of one page. The group is in each secret's name and in a tag, so that a
//! filter for it finds the same number of secrets whatever the account holds; another tag is on
//! every secret. Both accounts are asked about as many different groups, spread over all they have, so
//! that caches hold as much of what is asked for. What more groups cost, the large one shows apart.

use std::sync::Arc;

use super::load::{self, Source, Until};
use super::process::Process;
use super::scenes::{CONNECTIONS, EAST, FEW, WRITERS, token, uniform};
use super::sign::Signer;
use super::{Bench, Load};
use crate::run::Result;

/// Secrets of a group: as many as a batch returns.
const GROUP: u64 = 20;
/// Groups that are asked about: all that the small account has.
const GROUPS: u64 = FEW / GROUP;
/// Groups that the large account is asked about besides, more than caches of pages hold.
const MANY_GROUPS: u64 = 1000;
/// Secrets that one round of creations adds.
const CREATED: u64 = 2000;
/// A number that no round of creations has.
const FIRST_CREATED: u64 = 1 << 50;
const VALUE: &str = "a value that is neither long nor short: 64 bytes, as keys often are";

/// Makes the body of a request about one group.
type Body = fn(u64) -> String;

/// What is measured of each account: a name, the operation, and its body. A page has 100 secrets; what
/// is filtered for, and a batch, has as many as a group.
const SCENES: [(&str, &str, Body); 5] = [
    ("ListSecrets", "ListSecrets", |_| r#"{"MaxResults":100}"#.to_owned()),
    ("ListSecrets by name", "ListSecrets", |group| filtered("name", &prefix(group))),
    ("ListSecrets by tag", "ListSecrets", |group| filtered("tag-value", &tag(group))),
    ("ListSecrets by tag key", "ListSecrets", |_| filtered("tag-key", "stage")),
    ("BatchGetSecretValue", "BatchGetSecretValue", |group| {
        let ids: Vec<_> =
            (group * GROUP..(group + 1) * GROUP).map(|n| format!("{:?}", name(n))).collect();
        format!(r#"{{"SecretIdList":[{}]}}"#, ids.join(","))
    }),
];
const CREATION: &str = "CreateSecret";

impl Bench {
    /// Measures an account of few secrets, then one of as many as the large store has.
    pub fn lists(&mut self) -> Result<()> {
        for count in [FEW, self.secrets].into_iter().filter(|count| *count > 0) {
            let named = |scene: &str| format!("{scene}, {count} secrets");
            let scenes = SCENES.iter().map(|(scene, ..)| *scene).chain([CREATION]);
            let mut names = scenes.flat_map(|scene| [scene.to_owned(), scattered(scene)]);
            if names.any(|scene| self.wants(&named(&scene))) {
                self.account(count, named)?;
            }
        }
        Ok(())
    }

    fn account(&mut self, count: u64, named: impl Fn(&str) -> String) -> Result<()> {
        let server = Process::regent(&self.binary, &self.scratch.join(format!("lists-{count}")))?;
        let signer = Signer::secrets(server.port, EAST);
        let source: Source = {
            let signer = signer.clone();
            Arc::new(move |number| create(&signer, number))
        };
        let filling = load::run(server.port, WRITERS, Until::Count(count), source);
        self.runtime.block_on(filling)?;
        for asked in [GROUPS, MANY_GROUPS].into_iter().filter(|asked| asked * GROUP <= count) {
            for (scene, operation, body) in SCENES {
                let many = asked == MANY_GROUPS;
                let name = if many { named(&scattered(scene)) } else { named(scene) };
                // What asks about no group is the same for any number of them.
                if !self.wants(&name) || (many && body(0) == body(1)) {
                    continue;
                }
                let groups = (0..asked).map(|at| at * (count / GROUP) / asked);
                let pool: Arc<[Arc<[u8]>]> =
                    groups.map(|group| signer.request(operation, &body(group)).into()).collect();
                let answer_len = self.answer_len(&server, pool.first())?;
                let load = Load {
                    name: &name,
                    connections: CONNECTIONS,
                    until: Until::Time(self.time),
                    source: &|round| uniform(&pool, round),
                    answer_len,
                    raw: None,
                };
                self.beside_bare(&server, &load)?;
            }
        }
        self.creations(&server, &named(CREATION))
    }

    fn creations(&mut self, server: &Process, name: &str) -> Result<()> {
        let signer = Signer::secrets(server.port, EAST);
        let answer_len = self.answer_len(server, Some(&create(&signer, FIRST_CREATED)))?;
        // Each round has names of its own.
        let source = move |round: u64| -> Source {
            let signer = signer.clone();
            Arc::new(move |number| create(&signer, ((round + 1) << 32) + number))
        };
        let until = Until::Count(CREATED);
        self.beside_bare(
            server,
            &Load { name, connections: CONNECTIONS, until, source: &source, answer_len, raw: None },
        )
    }
}

fn create(signer: &Signer, number: u64) -> Arc<[u8]> {
    let (name, tag, token) = (name(number), tag(number / GROUP), token(number));
    let tags = format!(r#"[{{"Key":"group","Value":"{tag}"}},{{"Key":"stage","Value":"bench"}}]"#);
    let body = format!(
        r#"{{"Name":"{name}","SecretString":"{VALUE}","ClientRequestToken":"{token}","Tags":{tags}}}"#
    );
    signer.request("CreateSecret", &body).into()
}

/// The name of a scene that asks about many groups.
fn scattered(scene: &str) -> String {
    format!("{scene} of {MANY_GROUPS} groups")
}

fn name(number: u64) -> String {
    format!("{}secret-{number}", prefix(number / GROUP))
}

fn prefix(group: u64) -> String {
    format!("group-{group:012}/")
}

fn tag(group: u64) -> String {
    format!("of-{group:012}")
}

fn filtered(key: &str, value: &str) -> String {
    format!(r#"{{"MaxResults":{GROUP},"Filters":[{{"Key":"{key}","Values":["{value}"]}}]}}"#)
}
