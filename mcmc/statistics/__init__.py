"""Statistics of correlated series: autocorrelation, binning, jackknife, convergence, reweighting."""
