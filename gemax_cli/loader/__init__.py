"""A training set in memory, in NumPy: maps, depth, texture, landmarks, labels, subjects, folds."""
