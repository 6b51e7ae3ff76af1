"""What sinks say to people, in each language: one file of words a language, the same keys in all."""
