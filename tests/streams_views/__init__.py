"""Views and summaries, made from partitions that were filled by hand."""
