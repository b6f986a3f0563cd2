"""Energy landscapes: what is sampled."""
