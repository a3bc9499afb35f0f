"""The command line: one module per command.

These modules import only Click and other fast modules at the top. Everything else is imported inside the command's
function, so ``gemax --help`` stays fast.
"""
