"""Rows under a budget of preparations: circuit executions times shots, training and test."""
