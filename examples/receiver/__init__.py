"""A local stand-in for Slack and for a webhook's receiver: it shows what it got and misbehaves on order."""
