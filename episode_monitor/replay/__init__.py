"""Events taken once more, from a topic or a file, by the same decoding and the same step; nothing is written."""
