"""What lies in the output folder: images, records, tables, lock."""
