//! Checks of an invite: the seat, the bots with their hashes, the terms. It takes no seat and accepts nothing.

use mcp_multiplayer_protocol::channel::{BotTerms, BotsChange};
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::operation::{BotCode, BotView, ChannelPreview, GetBotCode, JoinChannel};
use mcp_multiplayer_protocol::{Error, Request, Secret};

use super::relay::{in_time, read};
use super::report::Report;
use crate::{RelayClient, reading};

/// Checks what an invite or a rejoin token is for. `log` is the one that the relay signs.
pub(super) async fn check(client: &RelayClient, invite: &Secret, log: &LogIdentity, report: &mut Report) {
    let preview = match preview(client, invite).await {
        Ok(preview) => preview,
        Err(error) => return report.error("invite", &error),
    };
    check_seat(&preview, report);
    if preview.bots.is_empty() {
        report.ok("referee", "The channel has no bot.");
    }
    for (place, bot) in preview.bots.iter().enumerate() {
        check_bot(client, invite, bot, preview.terms.bots.get(place), report).await;
    }
    if preview.terms.log.as_ref() != Some(log) {
        report.problem(
            "terms",
            "The terms name another log than the one that the relay signs.",
            "Accept nothing, and ask the relay's operator for the reason.",
        );
    }
    check_terms(&preview, report);
}

async fn preview(client: &RelayClient, invite: &Secret) -> Result<ChannelPreview, Error> {
    let request = Request::from(JoinChannel {
        invite_code: invite.clone(),
        preview: Some(true),
        terms_hash: None,
        cursor: None,
        entropy: None,
        idempotency_key: None,
    });
    read(client, &in_time(client, reading::preview(client, &request)).await?)
}

fn check_seat(preview: &ChannelPreview, report: &mut Report) {
    let ChannelPreview { slot_id, view, .. } = preview;
    let Some(slot) = view.slots.iter().find(|slot| slot.slot_id == *slot_id) else {
        return report.problem("invite", "The relay shows a channel without the seat.", "Ask for a new invite.");
    };
    let seat = format!("{slot_id} ({}) in the channel \"{}\" ({})", slot.label, view.name, view.channel_id);
    if view.closed {
        let advice = "Nothing more can be played there. Ask for an invite to another channel.";
        report.problem("invite", format!("The channel of the seat {seat} is closed."), advice);
    } else if slot.filled_by.is_some() {
        report.ok("invite", format!("The seat {seat} is taken: you can come back to it with this, if it is yours."));
    } else {
        report.ok("invite", format!("The seat {seat} is free."));
    }
}

async fn check_bot(
    client: &RelayClient,
    invite: &Secret,
    bot: &BotView,
    terms: Option<&BotTerms>,
    report: &mut Report,
) {
    let request = Request::from(GetBotCode {
        channel_id: None,
        invite_code: Some(invite.clone()),
        bot_id: bot.bot_id.clone(),
        offset: None,
        known_hash: None,
    });
    // Computes the hashes of source, manifest and parameters.
    let code =
        in_time(client, reading::preview(client, &request)).await.and_then(|reply| read::<BotCode>(client, &reply));
    let code = match code {
        Ok(code) => code,
        Err(error) => return report.error("referee", &error),
    };
    let is_in_terms = terms.is_some_and(|terms| {
        (&terms.name, terms.code_hash, terms.manifest_hash, terms.params_hash)
            == (&code.name, code.code_hash, code.manifest_hash, code.params_hash)
    });
    if !is_in_terms || (bot.code_hash, bot.manifest_hash) != (code.code_hash, code.manifest_hash) {
        return report.problem(
            "referee",
            format!("The code, manifest or parameters of {} do not match the terms.", bot.name),
            "Accept nothing, and ask the host and the relay's operator for the reason.",
        );
    }
    let kind = bot
        .preset
        .as_ref()
        .map_or("written by the host".to_owned(), |preset| format!("the preset {preset}, says the relay"));
    report.ok(
        "referee",
        format!(
            "{} ({kind}): its code, manifest and parameters match the terms. The code has the hash {}.",
            bot.name, code.code_hash
        ),
    );
}

fn check_terms(preview: &ChannelPreview, report: &mut Report) {
    let ChannelPreview { view, terms, terms_hash, accepted_before, changed, .. } = preview;
    let accepted: Vec<_> = view.slots.iter().filter(|slot| slot.accepted).map(|slot| slot.label.as_str()).collect();
    let accepted = if accepted.is_empty() {
        "Nobody there has accepted them.".to_owned()
    } else {
        format!("Accepted by: {}.", accepted.join(", "))
    };
    let yours = match (accepted_before, changed) {
        (Some(time), _) => format!("You accepted exactly these terms last at {time}."),
        (None, Some(changed)) if !changed.is_empty() => {
            format!(
                "You have not accepted them; they differ from those that you accepted before in: {}.",
                changed.join(", ")
            )
        }
        _ => "You have not accepted them.".to_owned(),
    };
    let required =
        if terms.require_terms { "Players must accept them before they post." } else { "Nobody has to accept them." };
    report.ok("terms", format!("{terms_hash}. {required} {accepted} {yours}"));
    if terms.bots_change == BotsChange::Owner {
        report.problem(
            "terms",
            "The host may change the bots during the game.",
            "Play for nothing that matters, or ask for a channel in which bots cannot change.",
        );
    }
}
