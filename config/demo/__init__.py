"""The demo: an organisation with a project that has everything to go once around the loop."""
