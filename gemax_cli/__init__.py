"""Raw 3D face-scan folders to multi-tau GEMax maps."""

__version__ = "0.1.0"
