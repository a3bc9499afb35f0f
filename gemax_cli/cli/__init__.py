"""The command line: one light module per command.

A module here imports nothing but Click and light modules at its top; the work is imported inside the command's body,
so that ``gemax --help`` answers at once.
"""
