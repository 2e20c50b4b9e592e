"""Lists the channels that this client created or has a seat in.

    python3 examples/http/list_channels.py
"""

from connect import Connection, run


def main():
    channels = Connection().call("list_channels")["channels"]
    for channel in channels:
        seats = ", ".join(channel["your_slots"]) or "none"
        print(f"{channel['channel_id']}  {channel['name']}: {channel['message_count']} entries, your seats: {seats}")
    if not channels:
        print("No channels yet. create_channel.py creates one.")


if __name__ == "__main__":
    run(main)
