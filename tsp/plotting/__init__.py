"""Pictures: tours over their nodes with a schedule, a comparison's gaps, a run's learning curve.

All are drawn on matplotlib's objects, without `pyplot` and its global state. matplotlib is imported when a
picture is drawn, not with this package. `save_figure` writes a figure to a file.
"""

from tsp.plotting.canvas import PALETTE, PICTURE_ENDINGS, line_style, picture_text, save_figure, tour_color
from tsp.plotting.curves import learning_curve, run_curves
from tsp.plotting.gaps import gap_figure
from tsp.plotting.tour import Floor, TourMap, plot_tour

__all__ = [
    "PALETTE",
    "PICTURE_ENDINGS",
    "Floor",
    "TourMap",
    "gap_figure",
    "learning_curve",
    "line_style",
    "picture_text",
    "plot_tour",
    "run_curves",
    "save_figure",
    "tour_color",
]
