"""The shell of the dispatcher: its owner takes transitions and acts, and stores what was decided before it is sent."""
