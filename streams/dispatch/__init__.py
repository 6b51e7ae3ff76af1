"""From transitions of alerts to notifications: who is notified of what, when, and why the others are not."""
