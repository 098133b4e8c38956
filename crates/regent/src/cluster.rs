//! Several Regions in one process, as `regent dev` runs them.
//!
//! Each Region has its own store, keys, committer and tasks; they share a clock and the links and
//! nothing else (promise R4).

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use regent_core::cx::Profile;
use regent_core::ids::Region;
use regent_core::ports::StoreFault;
use regent_core::records::{Key, Prefix, Record, Scan};
use regent_core::secrets::index;
use regent_core::tx::Batch;
use regent_crypto::{RegionCrypto, RootKey, SystemEntropy};
use regent_store::sqlite::{self, SqliteStore};
use regent_store::{MemoryStore, Store};

use crate::audit_log::AuditLog;
use crate::credentials::AccessKeys;
use crate::functions::Functions;
use crate::links::Links;
use crate::node::{Call, Node, Parts, Reply};
use crate::proxies::AllowedProxies;

/// What to open.
#[derive(Debug)]
pub struct Options {
    pub regions: Vec<Region>,
    pub profile: Profile,
    /// Regions with a profile of their own.
    pub region_profiles: BTreeMap<Region, Profile>,
    pub storage: Storage,
    pub root_key: RootKey,
    /// Memory for cached records, in bytes, of each Region: they take nothing from one another.
    pub cache_bytes: u64,
    pub functions: Arc<Functions>,
    pub proxies: Arc<AllowedProxies>,
    /// Whoever stacks act for.
    pub principals: Arc<AccessKeys>,
    pub audit: Arc<AuditLog>,
}

/// Where records live.
#[derive(Debug, Clone)]
pub enum Storage {
    /// One file per Region in this directory.
    Directory(PathBuf),
    /// Gone with the process.
    Memory,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store of {region}: {source}")]
    Store { region: Region, source: sqlite::OpenError },
    #[error("the store of {region} could not be read")]
    Fault { region: Region },
    #[error("the root key does not open the store of {region}: it was sealed under another key")]
    RootKey { region: Region },
    #[error("the store of {region} is one of {found}: its file has been moved or renamed")]
    OtherRegion { region: Region, found: Region },
}

/// Regions and the links between them.
#[derive(Debug)]
pub struct Cluster {
    regions: Arc<[Region]>,
    nodes: BTreeMap<Region, Arc<Node>>,
    links: Arc<Links>,
    tasks: tokio::sync::Mutex<tokio::task::JoinSet<()>>,
    emptying: tokio::sync::Mutex<()>,
}

impl Cluster {
    /// Opens every Region's store and starts its tasks. Must be called inside a runtime.
    pub fn open(options: &Options) -> Result<Arc<Self>, OpenError> {
        let mut regions = options.regions.clone();
        regions.sort_unstable();
        regions.dedup();
        let regions: Arc<[Region]> = regions.into();
        let (links, mut inboxes) = Links::new(&regions);
        let mut nodes = BTreeMap::new();
        let mut tasks = tokio::task::JoinSet::new();
        for region in regions.iter().copied() {
            let fault = |StoreFault| OpenError::Fault { region };
            let store = open_store(options, region)?;
            let crypto = identity(&*store, region, &options.root_key)?;
            index::build(&*store, region, |batch| match store.commit(batch) {
                Ok(_) => Ok(()),
                Err(_) => Err(StoreFault),
            })
            .map_err(fault)?;
            let profile = options.region_profiles.get(&region).copied().unwrap_or(options.profile);
            let links = Arc::clone(&links);
            let parts = Parts {
                region,
                regions: Arc::clone(&regions),
                profile,
                store,
                crypto,
                links,
                functions: Arc::clone(&options.functions),
                proxies: Arc::clone(&options.proxies),
                principals: Arc::clone(&options.principals),
                audit: Arc::clone(&options.audit),
            };
            let (node, touched) = Node::new(parts).map_err(fault)?;
            if let Some(inbox) = inboxes.remove(&region) {
                tasks.spawn(Arc::clone(&node).receive(inbox));
            }
            tasks.spawn(Arc::clone(&node).replicate());
            tasks.spawn(Arc::clone(&node).keep_time());
            tasks.spawn(Arc::clone(&node).run_stacks());
            tasks.spawn(Arc::clone(&node).note_reads(touched));
            tasks.spawn(Arc::clone(&node).write_key_uses());
            nodes.insert(region, node);
        }
        let tasks = tokio::sync::Mutex::new(tasks);
        let emptying = tokio::sync::Mutex::default();
        Ok(Arc::new(Self { regions, nodes, links, tasks, emptying }))
    }

    /// Every Region, sorted.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Transactions that each Region has committed since the start.
    pub fn commits(&self) -> impl Iterator<Item = (Region, u64)> {
        self.nodes.iter().map(|(region, node)| (*region, node.commits()))
    }

    /// Runs one request in one Region. `None` for a Region that is not here.
    pub async fn execute(&self, region: Region, call: Call) -> Option<Reply> {
        Some(self.nodes.get(&region)?.execute(call).await)
    }

    /// Empties every Region and ends all faults. What the Regions had to tell one another is lost.
    pub async fn reset(&self) -> Result<(), StoreFault> {
        let _one_at_a_time = self.emptying.lock().await;
        let _emptying = self.links.empty();
        // A Region that is still full must not tell one that is empty already.
        let mut paused = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.values() {
            paused.push(node.pause().await);
        }
        let mut emptied = Ok(());
        for node in self.nodes.values() {
            emptied = emptied.and(node.reset().await);
        }
        emptied
    }

    /// Stops all tasks. Stores close when the cluster is dropped.
    pub async fn shutdown(&self) {
        self.tasks.lock().await.shutdown().await;
    }
}

fn open_store(options: &Options, region: Region) -> Result<Arc<dyn Store>, OpenError> {
    match &options.storage {
        Storage::Memory => Ok(Arc::new(MemoryStore::new())),
        Storage::Directory(directory) => {
            let path = directory.join(format!("{region}.db"));
            let cache_bytes = options.cache_bytes;
            let store = SqliteStore::open(&path, sqlite::Options { cache_bytes })
                .map_err(|source| OpenError::Store { region, source })?;
            Ok(Arc::new(store))
        }
    }
}

/// The Region's keys: opened with the root key, or made on the first start.
fn identity(store: &dyn Store, region: Region, root: &RootKey) -> Result<RegionCrypto, OpenError> {
    let fault = || OpenError::Fault { region };
    let mut found = None;
    let take = &mut |key, record| {
        found = Some((key, record));
        ControlFlow::Break(())
    };
    store.scan(&Scan::all(Prefix::Identities), take).map_err(|StoreFault| fault())?;
    match found {
        Some((Key::Identity { region: found }, _)) if found != region => {
            Err(OpenError::OtherRegion { region, found })
        }
        Some((_, Record::Identity(sealed))) => {
            RegionCrypto::open_identity(root, &sealed).map_err(|_| OpenError::RootKey { region })
        }
        Some(_) => Err(fault()),
        None => {
            let key = Key::Identity { region };
            let crypto = RegionCrypto::generate(&SystemEntropy);
            let sealed = crypto.seal_identity(root).into();
            let mut batch = Batch::default();
            batch.reads.insert(key.clone(), 0);
            batch.writes.insert(key, Some(Record::Identity(sealed)));
            store.commit(batch).map_err(|_| fault())?;
            Ok(crypto)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use regent_core::cx::{Ask, Caller, Origin};
    use regent_core::ids::{RequestId, Scope, SecretArn};
    use regent_core::replication::change::{Answer, Asker, Question};
    use regent_crypto::TokenKey;
    use regent_wire::operations;
    use regent_wire::query_xml::Format;
    use regent_wire::service::Service;
    use regent_wire::sigv4::SecretKey;

    use super::*;
    use crate::credentials::AdministratorKey;
    use crate::credentials::sessions::Sessions;
    use crate::links::DownMode;

    fn principals() -> AccessKeys {
        let administrator = AdministratorKey {
            id: "test".to_owned(),
            secret: SecretKey::new("test".to_owned()),
            account: "123456789012".parse().unwrap(),
        };
        let sessions = Sessions::new(Vec::new(), TokenKey::derive(&RootKey::new([7; 32])));
        AccessKeys::new(administrator, Vec::new(), sessions, "us-east-1".parse().unwrap()).unwrap()
    }

    fn options(directory: &std::path::Path, region: &str) -> Options {
        Options {
            regions: vec![region.parse().unwrap()],
            profile: Profile::Strict,
            region_profiles: BTreeMap::new(),
            storage: Storage::Directory(directory.to_owned()),
            root_key: RootKey::new([7; 32]),
            cache_bytes: 1 << 20,
            functions: Arc::default(),
            proxies: Arc::default(),
            principals: Arc::new(principals()),
            audit: Arc::new(AuditLog::none()),
        }
    }

    /// PROMISE R4: a file that was renamed is not opened as an empty one of another Region.
    #[tokio::test]
    async fn a_store_belongs_to_its_region() {
        let directory = tempfile::tempdir().unwrap();
        let at = |region: &str| directory.path().join(format!("{region}.db"));
        let cluster = Cluster::open(&options(directory.path(), "us-east-1")).unwrap();
        cluster.shutdown().await;
        drop(cluster);
        std::fs::rename(at("us-east-1"), at("us-west-2")).unwrap();
        let refused = Cluster::open(&options(directory.path(), "us-west-2")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the store of us-west-2 is one of us-east-1: its file has been moved or renamed"
        );
        std::fs::rename(at("us-west-2"), at("us-east-1")).unwrap();
        Cluster::open(&options(directory.path(), "us-east-1")).unwrap();
    }

    /// PROMISE R4: a Region that is known to be down holds nobody up; one that is silent is waited
    /// for, within reason. Time passes here when everybody waits.
    #[tokio::test(start_paused = true)]
    async fn who_is_down_is_not_waited_for() {
        let [own, peer] = ["us-east-1", "us-west-2"].map(|region| region.parse().unwrap());
        let cluster = Cluster::open(&Options {
            regions: vec![own, peer],
            storage: Storage::Memory,
            ..options(std::path::Path::new(""), "us-east-1")
        })
        .unwrap();
        let asked = async || {
            let account = "123456789012".parse().unwrap();
            let scope = Scope { region: own, account };
            let (name, suffix) = ("s".parse().unwrap(), "AAAAAA".parse().unwrap());
            let arn = SecretArn { scope, name, suffix };
            let caller = Asker {
                arn: "arn:aws:iam::123456789012:root".into(),
                user_id: "123456789012".into(),
                user_name: None,
                policies: Vec::new(),
            };
            let question = Question::CanHold { arn, kms_key_id: None, overwrite: false, caller };
            let began = tokio::time::Instant::now();
            let answers = cluster.nodes[&own].ask(vec![Ask { region: peer, question }]).await;
            assert_eq!(answers.values().collect::<Vec<_>>(), [&Answer::Unreachable]);
            began.elapsed()
        };
        cluster.links().down(peer, DownMode::Unavailable);
        assert_eq!(asked().await, Duration::ZERO);
        cluster.links().up(peer);
        cluster.links().partition(own, peer);
        assert!(asked().await >= Duration::from_secs(3));
        cluster.shutdown().await;
    }

    /// PROMISE R7: material in the clear, and what a key pair's private half was parsed into, is let go
    /// of with its key, and after a while. Time passes here when everybody waits.
    #[tokio::test(start_paused = true)]
    async fn opened_keys_go_with_their_key() {
        let region: Region = "us-east-1".parse().unwrap();
        let options = options(std::path::Path::new(""), "us-east-1");
        let cluster = Cluster::open(&Options { storage: Storage::Memory, ..options }).unwrap();
        let node = &cluster.nodes[&region];
        let ask = async |name: &str, body: String| {
            let account = "123456789012".parse().unwrap();
            let call = Call {
                operation: operations::find(Service::Kms, name).unwrap(),
                body: body.into(),
                format: Format::Xml,
                caller: Arc::new(Caller::account_root(account, region)),
                origin: Origin {
                    source_ip: std::net::IpAddr::from([127, 0, 0, 1]),
                    secure_transport: false,
                    user_agent: "test".into(),
                },
                request_id: RequestId::from_entropy([1; 16]),
                event_id: RequestId::from_entropy([2; 16]),
                now: crate::node::now(),
            };
            node.execute(call).await.unwrap().body
        };
        let sign = r#""Message":"YQ==","SigningAlgorithm":"ECDSA_SHA_256""#;
        let pair = r#"{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}"#;
        for (made, operation, members) in
            [(pair, "Sign", sign), ("{}", "Encrypt", r#""Plaintext":"YQ==""#)]
        {
            let made = ask("CreateKey", made.to_owned()).await;
            let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
            let id = made["KeyMetadata"]["KeyId"].as_str().unwrap();
            let using = || ask(operation, format!(r#"{{"KeyId":"{id}",{members}}}"#));
            using().await;
            assert!(node.remembers_keys(), "{operation}");
            tokio::time::sleep(Duration::from_mins(2)).await;
            assert!(!node.remembers_keys(), "{operation} was long ago");
            using().await;
            assert!(node.remembers_keys(), "{operation}");
            ask("DisableKey", format!(r#"{{"KeyId":"{id}"}}"#)).await;
            assert!(!node.remembers_keys(), "the key of {operation} has changed");
        }
        cluster.shutdown().await;
    }

    /// PROMISE R4: whoever sends and whoever empties a Region take the same locks, thousands of
    /// times at once.
    #[test]
    fn emptying_and_sending_wait_for_nobody() {
        let (sender, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(empty_and_send());
            sender.send(()).unwrap();
        });
        let limit = std::time::Duration::from_mins(2);
        ended.recv_timeout(limit).expect("a lock is waited for in a circle");
    }

    async fn empty_and_send() {
        let regions = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"];
        let cluster = Cluster::open(&Options {
            regions: regions.map(|region| region.parse().unwrap()).into(),
            storage: Storage::Memory,
            ..options(std::path::Path::new(""), "us-east-1")
        })
        .unwrap();
        let greeting = Arc::clone(&cluster);
        // Every change of the links makes each Region greet the others, and look what is due.
        let greetings = tokio::spawn(async move {
            loop {
                greeting.links().heal();
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..3000 {
            cluster.reset().await.unwrap();
        }
        greetings.abort();
        cluster.shutdown().await;
    }
}
