"""What others see of the state."""
