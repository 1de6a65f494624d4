"""One client's channel: its actor, and how a channel is attached."""

from actors.client_channel.actor import ClientChannelActor, spawn
from actors.client_channel.channels import attach, data_channel
from actors.client_channel.text_limit import TextLimit

__all__ = ["ClientChannelActor", "TextLimit", "attach", "data_channel", "spawn"]
