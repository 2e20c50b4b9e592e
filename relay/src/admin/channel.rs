use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use mcp_multiplayer_protocol::channel::{BotsChange, Composition, Holder, SlotKind};
use mcp_multiplayer_protocol::{ChannelId, printable};
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::operator::{close_channel, delete_channel, delete_entries, stop_channel};
use mcp_multiplayer_relay::store::{BytesByKind, Membership, Store, StoredChannel};
use mcp_multiplayer_relay::telemetry::SECURITY;

use super::terminal::table;
use super::{open, principal_names};

#[derive(Subcommand)]
pub(crate) enum ChannelCommand {
    /// List channels, the largest first: id, creation time, time of the last entry, number of entries, stored bytes, state,
    /// name and principal of the owner, and the channel's name
    List {
        /// List the principals that created channels instead, with the number of their channels and the stored bytes
        #[arg(long)]
        by_principal: bool,
    },
    /// Show a channel: what is stored for it, its slots and bots, and the principals who are or were members
    Show {
        /// Id of the channel, chn_…
        id: ChannelId,
    },
    /// Stop a channel at once. Its bots run no further hook
    Stop {
        /// Id of the channel, chn_…
        id: ChannelId,
    },
    /// Close a channel as its owner can: bots finish what they have to do, and have a last word
    Close {
        /// Id of the channel, chn_…
        id: ChannelId,
    },
    /// Destroy what players or bots wrote in some entries. The log shows that they were there, and that they were deleted
    DeleteEntries {
        /// Id of the channel, chn_…
        id: ChannelId,
        /// Ids of the entries
        #[arg(required = true, value_name = "ENTRY")]
        entries: Vec<u64>,
    },
    /// Delete a channel that is closed, with everything that is stored for it
    Delete {
        /// Id of the channel, chn_…
        id: ChannelId,
    },
}

/// Note on the effect of a command.
const RELAY_NOTE: &str = "A running relay takes it over within two seconds.";

/// Runs `channel …`.
pub(crate) async fn run(config: &Config, command: ChannelCommand) -> Result<()> {
    let store = open(config)?;
    match command {
        ChannelCommand::List { by_principal } => {
            let (channels, names) = (store.list_all_channels().await?, principal_names(&*store).await?);
            print!("{}", if by_principal { list_owners(&channels, &names) } else { list(channels, &names) });
        }
        ChannelCommand::Show { id } => print!("{}", show(&*store, id).await?),
        ChannelCommand::Stop { id } => {
            stop_channel(store, id).await?;
            tracing::info!(target: SECURITY, { security.event = "channel_stopped", channel_id = %id }, "channel stopped");
            eprintln!("Stopped channel {id}. {RELAY_NOTE}");
        }
        ChannelCommand::Close { id } => {
            let is_closed = close_channel(store, id).await?;
            tracing::info!(target: SECURITY, { security.event = "channel_closed", channel_id = %id }, "channel closed");
            if is_closed {
                eprintln!("Closed channel {id}. {RELAY_NOTE}");
            } else {
                eprintln!(
                    "Asked to close channel {id}. A running relay now lets its bots finish, otherwise the relay does at its next start."
                );
            }
        }
        ChannelCommand::DeleteEntries { id, entries } => {
            let deleted = delete_entries(store, id, entries).await?;
            tracing::info!(target: SECURITY, { security.event = "entries_deleted", channel_id = %id, entries = deleted }, "entries deleted");
            eprintln!("Deleted what {deleted} entries of channel {id} said. {RELAY_NOTE}");
        }
        ChannelCommand::Delete { id } => {
            let bytes = delete_channel(&*store, id).await?;
            tracing::info!(target: SECURITY, { security.event = "channel_deleted", channel_id = %id }, "channel deleted");
            eprintln!("Deleted channel {id}: {bytes} bytes, which the database uses again. {RELAY_NOTE}");
        }
    }
    Ok(())
}

/// Name of a principal, `-` if it has none.
fn name_of(names: &HashMap<String, String>, principal: &str) -> String {
    names.get(principal).map_or("-", String::as_str).to_owned()
}

fn state(composition: &Composition) -> &'static str {
    match (composition.closed, composition.close_requested) {
        (Some(_), _) => "closed",
        (None, Some(_)) => "closing",
        (None, None) => "open",
    }
}

/// Formats channels. The name, which a stranger chose, is the last column.
fn list(channels: Vec<StoredChannel>, names: &HashMap<String, String>) -> String {
    let rows = channels.into_iter().map(|channel| {
        let composition = &channel.state.composition;
        [
            composition.channel_id.to_string(),
            composition.created_at.to_string(),
            channel.state.head.ts.to_string(),
            channel.state.size().to_string(),
            channel.bytes.to_string(),
            state(composition).to_owned(),
            name_of(names, &channel.owner),
            channel.owner,
            composition.name.clone(),
        ]
    });
    table(["ID", "CREATED", "LAST ENTRY", "ENTRIES", "BYTES", "STATE", "PERSON", "OWNER", "NAME"], rows)
}

/// Formats the owners of channels, those with the most bytes first.
fn list_owners(channels: &[StoredChannel], names: &HashMap<String, String>) -> String {
    let mut totals: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for channel in channels {
        let (count, bytes) = totals.entry(&channel.owner).or_default();
        *count += 1;
        *bytes += channel.bytes;
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    let rows = totals
        .into_iter()
        .map(|(owner, (count, bytes))| [count.to_string(), bytes.to_string(), name_of(names, owner), owner.to_owned()]);
    table(["CHANNELS", "BYTES", "PERSON", "OWNER"], rows)
}

/// Describes a channel.
async fn show(store: &dyn Store, id: ChannelId) -> Result<String> {
    let channel = store.lookup_channel(id).await?;
    let channel = channel.with_context(|| format!("there is no channel {id}; list them with 'channel list'"))?;
    let (bytes, names) = (store.measure_channel(id).await?, principal_names(store).await?);
    let memberships = store.list_memberships(id).await?;
    Ok(describe(&channel, bytes, memberships, &names))
}

fn describe(
    channel: &StoredChannel,
    bytes: BytesByKind,
    memberships: Vec<Membership>,
    names: &HashMap<String, String>,
) -> String {
    let composition = &*channel.state.composition;
    let BytesByKind { bodies, bots, states, exchanges } = bytes;
    let mut text = String::new();
    for (label, value) in [
        ("id", composition.channel_id.to_string()),
        ("name", composition.name.clone()),
        ("state", state(composition).to_owned()),
        ("owner", format!("{} ({})", channel.owner, name_of(names, &channel.owner))),
        ("created", composition.created_at.to_string()),
        ("last entry", channel.state.head.ts.to_string()),
        ("entries", channel.state.size().to_string()),
        ("bytes", channel.bytes.to_string()),
        ("of these", format!("bodies {bodies}, bots {bots}, their states {states}, their network traffic {exchanges}")),
        (
            "bots change",
            match composition.bots_change {
                BotsChange::Owner => "always",
                BotsChange::Never => "until two seats were filled",
            }
            .to_owned(),
        ),
    ] {
        writeln!(text, "{label:<12} {}", printable(&value)).expect("a String takes any text");
    }
    let slots = composition.slots().map(|(slot_id, slot)| {
        let kind = match slot.kind {
            SlotKind::Bot => "bot",
            SlotKind::Invite => "invite",
        };
        let holder = match &slot.holder {
            None if slot.closed => "closed".to_owned(),
            None => "-".to_owned(),
            Some(Holder::Player { program: true, .. }) => "program".to_owned(),
            Some(Holder::Player { .. }) => "player".to_owned(),
            Some(Holder::Bot(bot_id)) => bot_id.to_string(),
        };
        [slot_id.to_string(), kind.to_owned(), holder, slot.label.clone()]
    });
    let members = memberships.into_iter().map(|Membership { principal, seat }| {
        let (slot, began, ended) = match seat {
            None => ("-".to_owned(), "1".to_owned(), "-".to_owned()),
            Some(seat) => {
                let ended = seat.ended.map_or("-".to_owned(), |entry| entry.to_string());
                (seat.slot_id.to_string(), seat.began.to_string(), ended)
            }
        };
        [slot, began, ended, name_of(names, &principal), principal]
    });
    text.push('\n');
    text.push_str(&table(["SLOT", "KIND", "FILLED BY", "LABEL"], slots));
    text.push('\n');
    text.push_str(&table(["SLOT", "FROM ENTRY", "TO ENTRY", "PERSON", "PRINCIPAL"], members));
    text
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::ChannelId;
    use mcp_multiplayer_protocol::channel::ChannelState;
    use mcp_multiplayer_relay::store::StoredChannel;

    use super::{list, list_owners};

    fn channel(number: u8, owner: &str, bytes: u64) -> StoredChannel {
        let state = ChannelState::empty(ChannelId::from_bytes([number; 10]));
        StoredChannel { state, owner: owner.to_owned(), bytes }
    }

    #[test]
    fn channels_are_listed_with_their_owners_and_summed_up_by_owner() {
        let channels = vec![channel(1, "person:p1", 300), channel(2, "client:c1", 250), channel(3, "person:p1", 100)];
        let names = [("person:p1".to_owned(), "alice".to_owned())].into();
        let owners = list_owners(&channels, &names);
        let rows: Vec<Vec<&str>> = owners.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows, [["2", "400", "alice", "person:p1"], ["1", "250", "-", "client:c1"]]);
        let text = list(channels, &names);
        let first: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(first[3..], ["0", "300", "open", "alice", "person:p1"]);
    }
}
