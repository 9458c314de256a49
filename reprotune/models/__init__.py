"""What we train, and how it is asked."""
