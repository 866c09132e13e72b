"""Training of policies by REINFORCE, and the runs that every training shares."""
