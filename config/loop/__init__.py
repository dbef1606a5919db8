"""The whole loop from outside, as its users drive it: simulated people over HTTP, and a table at the end."""
