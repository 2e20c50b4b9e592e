use mcp_multiplayer_protocol::Hash;
use mcp_multiplayer_protocol::merkle::{Frontier, ProofPlan, TreeHead, verify_consistency, verify_inclusion};

use super::Subject;
use super::log::Log;

/// A log of this many entries, appended in batches of different sizes, and its tree after each entry.
async fn log_of(store: &Subject, number: u8, size: u64) -> (Log, Vec<TreeHead>) {
    let mut log = Log::new(number);
    log.join(1);
    let mut batch = 1;
    while log.state.size() < size {
        log.post(1, "hello");
        if log.state.size().is_multiple_of(batch) {
            store.append(log.batch()).await.unwrap();
            batch = batch % 7 + 1;
        }
    }
    store.append(log.batch()).await.unwrap();
    let mut frontier = Frontier::default();
    let trees = log.entries.iter().map(|entry| {
        frontier.push(entry.envelope.leaf_hash());
        frontier.tree_head()
    });
    let trees = trees.collect();
    (log, trees)
}

async fn prove(store: &Subject, log: &Log, plan: ProofPlan) -> Vec<Hash> {
    let hashes = store.list_nodes(log.channel_id(), plan.nodes()).await.unwrap().unwrap();
    plan.prove(&hashes).unwrap()
}

pub async fn are_stored_with_the_entry_that_completes_them(store: Subject) {
    let (log, _) = log_of(&store, 1, 20).await;
    let mut frontier = Frontier::default();
    let completed: Vec<_> =
        log.entries.iter().map(|entry| frontier.push_and_complete(entry.envelope.leaf_hash())).collect();
    let store = store.reopen().await;
    for size in 1..=20 {
        let nodes = ProofPlan::inclusion(size - 1, 20).unwrap().nodes();
        let found = store.list_nodes(log.channel_id(), nodes.clone()).await.unwrap().unwrap();
        for (node, hash) in nodes.iter().zip(found) {
            let entry = usize::try_from(node.completed_by()).unwrap();
            assert_eq!(hash, completed[entry - 1][usize::from(node.level())]);
        }
    }
    assert_eq!(store.list_nodes(log.channel_id(), vec![]).await.unwrap(), Some(vec![]));
}

pub async fn make_every_proof(store: Subject) {
    let (log, trees) = log_of(&store, 1, 40).await;
    let other = log_of(&store, 2, 40).await.0;
    for (size, tree) in (1..).zip(&trees) {
        for id in 1..=size {
            let entry = usize::try_from(id).unwrap() - 1;
            let proof = prove(&store, &log, ProofPlan::inclusion(id - 1, size).unwrap()).await;
            verify_inclusion(log.entries[entry].envelope.leaf_hash(), id - 1, *tree, &proof).unwrap();
            let proof = prove(&store, &log, ProofPlan::consistency(id, size).unwrap()).await;
            verify_consistency(trees[entry], *tree, &proof).unwrap();
        }
    }
    let of_another = prove(&store, &other, ProofPlan::inclusion(0, 40).unwrap()).await;
    verify_inclusion(log.entries[0].envelope.leaf_hash(), 0, trees[39], &of_another).unwrap_err();
}

pub async fn are_missing_beyond_the_end_of_the_log(store: Subject) {
    let (log, _) = log_of(&store, 1, 10).await;
    let nodes = |size| ProofPlan::inclusion(0, size).unwrap().nodes();
    assert!(store.list_nodes(log.channel_id(), nodes(10)).await.unwrap().is_some());
    for size in [11, 12, 1_000, u64::MAX] {
        assert_eq!(store.list_nodes(log.channel_id(), nodes(size)).await.unwrap(), None, "{size}");
    }
    let unknown = Log::new(2).channel_id();
    assert_eq!(store.list_nodes(unknown, nodes(1)).await.unwrap(), None);
    assert!(store.delete_channel(log.channel_id()).await.unwrap());
    assert_eq!(store.list_nodes(log.channel_id(), nodes(2)).await.unwrap(), None);
}
