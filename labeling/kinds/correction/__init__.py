"""An answer as it should have been: the text, edited."""
