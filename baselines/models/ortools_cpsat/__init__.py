"""CP-SAT: circuit constraints over arc literals, which prove small instances optimal.

An instance becomes a graph, whatever the shape of its tours: node 0 is where tours start and end, the others
are customers. An end of a path that is free costs nothing.

CP-SAT works on integers. Numbers are rounded so that no solution is lost and none looks worse than it is:
legs, times and loads down, prizes up, and limits are relaxed by the checker's tolerance. So what is proved
holds for the instance's own numbers. Whole numbers and decimals stay exact. Other numbers are rounded so
finely that an optimum is recognized as one, and more finely where it is not. A solution that is feasible only
by the rounding is rejected by the checker and forbidden in the model, and the search continues.
"""
