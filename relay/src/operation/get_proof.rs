use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::merkle::ProofPlan;
use mcp_multiplayer_protocol::operation::{GetProof, LogProof};

use super::Caller;
use super::caller::seats_of_member;

impl Caller {
    /// Proves that an entry is in the channel's log, or that the log of one size is the beginning of a later one.
    ///
    /// Former members get proofs of what came after them, too: a proof contains hashes of envelopes, which nobody can guess
    /// because of the salts in them.
    pub(super) async fn get_proof(&self, args: GetProof) -> Result<LogProof, Error> {
        let (channel, player) = self.channel(args.channel_id).await?;
        if seats_of_member(&channel.composition(), &player).is_err() {
            self.former_tenures(args.channel_id, None).await?;
        }
        let present = channel.durable().size();
        let (size, id, plan) = match (args.id, args.from, args.to) {
            (Some(id), None, None) => {
                let plan = id.checked_sub(1).and_then(|index| ProofPlan::inclusion(index, present));
                (present, Some(id), plan.ok_or_else(|| no_such_entry(id, present))?)
            }
            (None, Some(from), to) => {
                let to = to.unwrap_or(present);
                let plan = ProofPlan::consistency(from, to).filter(|_| to <= present);
                (to, None, plan.ok_or_else(|| no_such_sizes(from, to, present))?)
            }
            _ => {
                return Err(Error::invalid(
                    "get_proof takes either 'id', or 'from' with or without 'to'.",
                    "Pass id to prove that an entry is in the log, or from, the size of an earlier checkpoint, to prove that the log has only grown.",
                ));
            }
        };
        let proof = channel.prove(&plan).await?;
        let leaf_hash = match id {
            Some(id) => Some(channel.leaf_hash(id).await?),
            None => None,
        };
        let tree = channel.tree_of(size).await?;
        let log = &self.relay.log;
        let (checkpoint, verifier_key) = (log.sign(args.channel_id, tree), log.verifier_key(args.channel_id));
        Ok(LogProof { size, leaf_hash, proof, checkpoint, verifier_key })
    }
}

fn no_such_entry(id: u64, present: u64) -> Error {
    Error::invalid(
        format!("Argument 'id' is {id}, but the channel's entries have the ids 1 to {present}."),
        "Pass the id of an entry, as in messages[].",
    )
}

fn no_such_sizes(from: u64, to: u64, present: u64) -> Error {
    Error::invalid(
        format!("There is no proof from size {from} to size {to}: the channel has {present} entries."),
        "Pass sizes of checkpoints of this channel: 1 or more, 'from' not above 'to', and 'to' not above the present size.",
    )
}
