"""How good one answer is, on the project's own axes."""
