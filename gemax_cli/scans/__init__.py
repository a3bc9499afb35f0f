"""Raw files to scans."""
