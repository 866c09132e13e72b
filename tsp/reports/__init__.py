"""Reports: one self-contained HTML file of a comparison, or of a training run."""

from tsp.reports.comparing import comparison_report
from tsp.reports.training import Sample, run_report

__all__ = ["Sample", "comparison_report", "run_report"]
