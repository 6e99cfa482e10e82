"""Sessions and their CDRs: our own chargers' and those that partners report."""
