"""Stage S2: from a depth image's histogram to the cuts of largest entropy, and from the cuts to 8-bit maps and back.

``histogram`` and ``mapping`` work on images, ``solver`` on the histogram alone (its docstring has the theory and the
proof). ``figures`` measures. ``path_kernels`` and ``logarithm`` are their inner loops and tables. ``reference`` is the
paper's dynamic programming (DP), for tests and benchmarks.
"""
