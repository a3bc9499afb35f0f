"""Tables and pictures of an output folder."""
