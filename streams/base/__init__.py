"""Values and packed forms that know nothing of projects: ids, intervals, counts, sketches, keys of the changelog."""
