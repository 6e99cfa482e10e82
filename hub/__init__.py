"""The application: rooms for each noun of the business, and the one page that wires them (`hub/app.py`)."""
