"""What is to do, and doing it: one scan from end to end, and many in parallel."""
