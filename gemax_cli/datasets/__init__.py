"""The databases of the field: file names, landmarks, protocols, figures of the paper."""
