"""The page in the browser, `tsp serve`: draw or load instances, watch solvers, live a day.

`server` runs `app`, whose answers come from `workers`: processes of their own that do `jobs`, so that solving
neither blocks the page nor outlives the reader. The page itself is in `static/`: plain JavaScript modules and one style
sheet, without a build step and without the network.
"""
