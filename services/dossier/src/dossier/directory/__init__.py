"""The housing companies, and the organisations that refer or help: two files of the operators, published for the others."""
