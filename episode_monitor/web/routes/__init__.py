"""One file a group of addresses. A route reads its parameters, asks `Views`, hands on the view; it computes nothing."""
