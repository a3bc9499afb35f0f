"""Output folders and raw data of a stranger, one module per kind of attack, each with a generator of cases."""
