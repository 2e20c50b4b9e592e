"""Lists the channels in which this client has a seat, or which it made.

    python3 examples/http/list_channels.py
"""

from connect import Connection, run


def main():
    channels = Connection().call("list_channels")["channels"]
    for channel in channels:
        seats = ", ".join(channel["your_slots"]) or "none"
        print(f"{channel['channel_id']}  {channel['name']}: {channel['message_count']} entries, your seats: {seats}")
    if not channels:
        print("None yet. create_channel.py makes one.")


if __name__ == "__main__":
    run(main)
