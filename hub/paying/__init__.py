"""How drivers pay, for their apps and for operators: wallets, saved cards, and what is not paid yet."""
