"""The pure core: proof by hand, by a plain reference model, and by Hypothesis."""
