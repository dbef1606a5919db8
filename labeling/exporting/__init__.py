"""Judgements as files for other tools: what a kind says of itself, filters, and the formats that are built of both."""
