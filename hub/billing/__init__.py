"""What a session costs whom: bills, what is taken for them, and the entries that they make in the ledger."""
