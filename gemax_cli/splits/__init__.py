"""Subject-independent folds: protocols, files, rows, folders for trainers, audit."""
