"""Questions about state and acts on it, answered by whichever workers own it."""
