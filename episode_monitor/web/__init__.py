"""The HTTP face: routes, errors, guards and the built-in page. It asks `Views` for every number and holds none."""
