"""Where the marks of a chart go. Arithmetic alone: no template, no database."""
