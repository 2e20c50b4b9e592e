//! The wall, from within: what it consists of here, and that it holds without the policy.

use crate::harness::Bots;

#[tokio::test]
async fn every_forbidden_act_is_stopped() {
    let bots = Bots::new();
    let wall = bots.supervisor.wall().await.unwrap();
    println!("{wall:#?}");
    assert_eq!(wall.verdict(), "passed", "{wall:?}");
}
