//! Completion of arguments: presets for the prompt that hosts a game, and the caller's channels and seats for the URI of a
//! channel resource.

use mcp_multiplayer_protocol::Multiplayer;
use rmcp::model::{CompleteRequestParams, CompletionInfo, Reference};

use crate::channel_uri::ChannelUri;
use crate::prompts::{HOST_GAME, PRESETS};
use crate::resources;

/// Returns the values that the argument can have. There are none for other arguments, which are free text or secrets.
pub(crate) async fn complete(multiplayer: &dyn Multiplayer, request: &CompleteRequestParams) -> CompletionInfo {
    let typed = request.argument.value.to_lowercase();
    let values: Vec<String> = match (&request.r#ref, request.argument.name.as_str()) {
        (Reference::Prompt(prompt), "game") if prompt.name == HOST_GAME => {
            PRESETS.into_iter().filter(|name| name.to_lowercase().contains(&typed)).map(str::to_owned).collect()
        }
        (Reference::Resource(resource), "channel_id") if resource.uri == ChannelUri::TEMPLATE => {
            let channels = resources::own_channels(multiplayer).await.into_iter();
            let is_meant = |channel: &resources::OwnChannel| {
                channel.channel_id.to_string().starts_with(&typed) || channel.name.to_lowercase().contains(&typed)
            };
            channels.filter(is_meant).map(|channel| channel.channel_id.to_string()).collect()
        }
        (Reference::Resource(resource), "slot_id") if resource.uri == ChannelUri::TEMPLATE => {
            let resolved = request.context.as_ref().and_then(|context| context.get_argument("channel_id"));
            let channels = resources::own_channels(multiplayer).await.into_iter();
            channels
                .filter(|channel| resolved.is_some_and(|id| *id == channel.channel_id.to_string()))
                .flat_map(|channel| channel.your_slots)
                .map(|slot| slot.to_string())
                .filter(|slot| slot.starts_with(&typed))
                .collect()
        }
        _ => vec![],
    };
    let (total, shown) = (values.len(), values.into_iter().take(CompletionInfo::MAX_VALUES).collect::<Vec<_>>());
    let has_more = shown.len() < total;
    CompletionInfo::with_pagination(shown, total.try_into().ok(), has_more).expect("there are at most MAX_VALUES")
}
