"""The whole loop from outside, as its users drive it: simulated annotators and users over HTTP, and a table at the end."""
