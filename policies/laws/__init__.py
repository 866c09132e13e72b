"""Laws of hidden attributes, such as the duration of a visit, learned from the logs of past days."""
