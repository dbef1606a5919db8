"""Which of two answers is better, by how much, and along which axes."""
