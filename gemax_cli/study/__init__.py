"""The depth study: which depth of the block is best for a user's scans."""
