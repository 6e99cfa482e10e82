"""The ground floor: what any service needs and no business noun."""
