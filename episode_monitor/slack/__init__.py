"""Buttons of the Slack bot's messages."""
