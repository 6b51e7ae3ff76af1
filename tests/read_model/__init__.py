"""How any worker answers every question: real HTTP between workers, a real broker for the fleet topic."""
