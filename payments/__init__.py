"""Money that moves. The ledger, holds and the payment provider live on this floor."""
