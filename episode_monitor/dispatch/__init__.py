"""What people ask of the dispatcher and do with it, over HTTP."""
