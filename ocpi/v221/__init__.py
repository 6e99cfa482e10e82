"""The wire types of OCPI 2.2.1, one file for each module of the specification."""
