"""Starts and looks after Accord's processes on one machine: `python -m supervisor run`.

Uses the standard library, psutil and the two wheels that carry PostgreSQL and Valkey. It imports no app of Accord:
what it starts are commands.
"""
