"""The depth study: which block serves best on a user's own scans."""
