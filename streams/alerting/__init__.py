"""Rules, and the life of one alert."""
