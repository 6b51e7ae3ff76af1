"""The HTTP face, asked through ASGI, and through a real socket where the socket is the point."""
